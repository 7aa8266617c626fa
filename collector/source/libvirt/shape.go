package libvirt

import (
	"errors"
	"fmt"
)

// A reply says how long its texts and lists are, and the client library
// allocates that before it looks whether so much has come: a number can cost
// 128 GiB. checker follows a reply's structure as it passes by and finds the
// first number that the rest of the packet cannot hold. XDR is a sequence of
// words of four bytes.
type checker struct {
	left   int // words of the packet that are still to come
	skip   int // words of which any value is good
	text   bool
	frames []frame
}

// frame is a sequence that is being read, and how often it comes again.
type frame struct {
	of    []item
	at    int
	again uint32
}

// item is a part of a reply's structure.
type item struct {
	kind itemKind
	n    int    // of words: how many
	of   []item // of list: its element
}

type itemKind int

const (
	itemWords itemKind = iota
	itemText           // a length and that many bytes
	itemValue          // the type of a typed parameter, and what it has
	itemList           // a count and that many elements
)

// shapeOf returns the structure of a successful reply, as far as the client
// library allocates by what it says. Replies to other procedures hold numbers
// only.
func shapeOf(procedure uint32) []item {
	domain := []item{{kind: itemText}, {kind: itemWords, n: 5}} // name; UUID and id
	params := item{kind: itemList, of: []item{{kind: itemText}, {kind: itemValue}}}
	switch procedure {
	case procGetType, procXMLDesc:
		return []item{{kind: itemText}}
	case procAuthList:
		return []item{{kind: itemList, of: []item{{kind: itemWords, n: 1}}}}
	case procListDomains:
		return []item{{kind: itemList, of: domain}}
	case procMemoryStats:
		return []item{{kind: itemList, of: []item{{kind: itemWords, n: 3}}}}
	case procBulkStats:
		return []item{{kind: itemList, of: append(domain, params)}}
	}
	return nil
}

// shapeOfError is the structure of a reply that is an error, as the client
// library reads it.
func shapeOfError() []item { return []item{{kind: itemWords, n: 3}, {kind: itemText}} }

// start begins a reply of so many bytes.
func (c *checker) start(shape []item, size int) {
	c.left, c.skip, c.text = size/4, 0, false
	c.frames = append(c.frames[:0], frame{of: shape})
}

// pass tells the checker that n whole words go by of which any value is good,
// and returns how many of them that is right for.
func (c *checker) pass(n int) int {
	if len(c.frames) > 0 {
		n = min(n, c.skip)
		c.skip -= n
	}
	c.left -= n
	return n
}

// word takes the next word of the reply, of which pass has refused to pass.
func (c *checker) word(w uint32) error {
	c.left--
	if c.text { // of a typed parameter's value
		c.text = false
		return c.length(w)
	}
	f := c.top()
	if f == nil {
		return nil
	}
	it := f.of[f.at]
	f.at++
	switch it.kind {
	case itemText:
		return c.length(w)
	case itemValue:
		return c.typed(w)
	case itemList:
		return c.list(it.of, w)
	default:
		c.skip = it.n - 1
		return c.fits(c.skip)
	}
}

// top returns the sequence that the next word belongs to, or nil behind the end
// of all that is known.
func (c *checker) top() *frame {
	for len(c.frames) > 0 {
		f := &c.frames[len(c.frames)-1]
		switch {
		case f.at < len(f.of):
			return f
		case f.again > 0:
			f.again--
			f.at = 0
			if len(f.of) > 0 {
				return f
			}
		}
		c.frames = c.frames[:len(c.frames)-1]
	}
	return nil
}

func (c *checker) length(bytes uint32) error {
	c.skip = int((int64(bytes) + 3) / 4)
	return c.fits(c.skip)
}

func (c *checker) typed(kind uint32) error {
	switch kind {
	case 1, 2, 6: // int, unsigned int, boolean
		c.skip = 1
	case 3, 4, 5: // long long, unsigned long long, double
		c.skip = 2
	case 7:
		c.text = true
		return c.fits(1)
	default:
		return fmt.Errorf("a parameter of the unknown type %d", kind)
	}
	return c.fits(c.skip)
}

func (c *checker) list(of []item, n uint32) error {
	if n == 0 {
		return nil
	}
	if int64(n)*int64(least(of)) > int64(c.left) {
		return fmt.Errorf("a list of %d elements in %d bytes", n, 4*c.left)
	}
	c.frames = append(c.frames, frame{of: of, again: n - 1})
	return nil
}

func (c *checker) fits(words int) error {
	if words > c.left {
		return fmt.Errorf("a text or number of %d bytes where %d are left", 4*words, 4*c.left)
	}
	return nil
}

// end reports whether the reply may end here.
func (c *checker) end() error {
	if c.skip > 0 || c.text || c.top() != nil {
		return errors.New("a reply that ends too early")
	}
	return nil
}

// least returns how many words a sequence has at least.
func least(of []item) int {
	n := 0
	for _, it := range of {
		switch it.kind {
		case itemWords:
			n += it.n
		case itemValue:
			n += 2
		default:
			n++
		}
	}
	return n
}
