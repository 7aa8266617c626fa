package identity

import "sync"

// storageList is a list as it was last read. It is read again when it has
// changed, not for each container. Each has a lock of its own: one in a user's
// home, which may be slow, makes no other wait.
type storageList struct {
	mu      sync.Mutex
	version version
	byID    map[string]stored
}

// stored returns the list in a file, nil where there is none.
func (q *query) stored(file string) map[string]stored {
	l := q.list(file)
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := q.files.stat(file)
	if q.note(err); err != nil {
		l.byID = nil
		return nil
	}
	if l.byID != nil && l.version == versionOf(info) {
		return l.byID
	}
	l.byID = nil
	b, ok := q.read(file)
	if !ok {
		return nil
	}
	byID, err := parseStorage(b)
	if err != nil {
		return nil // half written: another time
	}
	l.version, l.byID = versionOf(info), byID
	return byID
}

// list returns the list of a file, which is apart for each user: one may read
// what another may not.
func (q *query) list(file string) *storageList {
	q.mu.Lock()
	defer q.mu.Unlock()
	key := file
	if q.m.Foreign() {
		key = q.m.Scope + file
	}
	if q.lists[key] == nil {
		q.lists[key] = &storageList{}
	}
	return q.lists[key]
}
