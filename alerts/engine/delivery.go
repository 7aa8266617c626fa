package engine

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Delivery is how the last message to an Alertmanager went.
type Delivery struct {
	URL         string
	LastAttempt time.Time // zero: nothing was sent yet
	LastSuccess time.Time // zero: none succeeded yet
	Err         error     // of the last attempt
}

// deliveries remembers them, and ends what waits when the program must stop.
type deliveries struct {
	ctx   context.Context // of all messages
	mutex sync.Mutex
	last  map[string]Delivery
}

// do sends one message; the notifier calls it.
func (d *deliveries) do(ctx context.Context, client *http.Client, req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(d.ctx, cancel)
	resp, err := client.Do(req.WithContext(ctx))
	if err != nil {
		stop()
		cancel()
		d.note(req.URL.String(), err)
		return nil, err
	}
	resp.Body = &endingBody{resp.Body, func() { stop(); cancel() }}
	if resp.StatusCode/100 != 2 {
		d.note(req.URL.String(), fmt.Errorf("it answered %s", resp.Status))
	} else {
		d.note(req.URL.String(), nil)
	}
	return resp, nil
}

func (d *deliveries) note(url string, err error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	now := time.Now()
	l := d.last[url]
	l.URL, l.LastAttempt, l.Err = url, now, err
	if err == nil {
		l.LastSuccess = now
	}
	d.last[url] = l
}

func (d *deliveries) of(url string) Delivery {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	l := d.last[url]
	l.URL = url
	return l
}

// Deliveries returns how the last message to each Alertmanager that is in use
// went.
func (e *Engine) Deliveries() []Delivery {
	var all []Delivery
	for _, u := range e.notify.Alertmanagers() {
		all = append(all, e.deliveries.of(u.String()))
	}
	return all
}
