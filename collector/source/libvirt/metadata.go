package libvirt

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

const (
	maxPaths      = 64      // allow-listed
	maxPathLength = 1 << 10 // bytes of one of them
	maxPathSteps  = 16
)

// metadataPath names one text within a domain's <metadata>, which an operator
// allows to become a label.
type metadataPath struct {
	Key   string
	steps []xml.Name // from below <metadata>; no namespace stands for any
	attr  xml.Name   // of the last of them; the element's own text if it is empty
}

// parseMetadataPaths parses what an operator allows, each KEY=PATH: a key, and an
// XPath of the simplest form below <metadata>, as in
//
//	project=instance/owner/project
//	tier={https://acme.example/vm}info/@tier
//
// A step is the local name of an element of any namespace, or has its namespace
// before it in braces: prefixes would be known to a document alone. The error
// names the first one that is wrong.
func parseMetadataPaths(specs []string) ([]metadataPath, error) {
	if len(specs) > maxPaths {
		return nil, fmt.Errorf("%d paths of metadata: at most %d are allowed", len(specs), maxPaths)
	}
	paths := make([]metadataPath, 0, len(specs))
	keys := make(map[string]struct{}, len(specs))
	for _, spec := range specs {
		p, err := parseMetadataPath(spec)
		if err != nil {
			return nil, fmt.Errorf("path of metadata %q: %w", clipSpec(spec), err)
		}
		if _, ok := keys[p.Key]; ok {
			return nil, fmt.Errorf("path of metadata %q: the key is there twice", clipSpec(spec))
		}
		keys[p.Key] = struct{}{}
		paths = append(paths, p)
	}
	return paths, nil
}

// clipSpec shortens what an error quotes.
func clipSpec(spec string) string { return spec[:min(len(spec), 2*maxPathLength)] }

func parseMetadataPath(spec string) (metadataPath, error) {
	if len(spec) > maxPathLength {
		return metadataPath{}, fmt.Errorf("longer than %d bytes", maxPathLength)
	}
	key, rest, ok := strings.Cut(spec, "=")
	switch {
	case !ok:
		return metadataPath{}, errors.New("want KEY=PATH")
	case key == "" || label(key) != key || strings.TrimSpace(key) != key:
		return metadataPath{}, errors.New("bad key")
	case rest == "":
		return metadataPath{}, errors.New("no path")
	}
	p := metadataPath{Key: key}
	for more := true; more; {
		var name xml.Name
		var attr bool
		var err error
		name, attr, rest, more, err = cutStep(rest)
		switch {
		case err != nil:
			return metadataPath{}, err
		case !attr:
			p.steps = append(p.steps, name)
		case more:
			return metadataPath{}, errors.New("an attribute ends a path")
		default:
			p.attr = name
		}
	}
	if len(p.steps) == 0 {
		return metadataPath{}, errors.New("an attribute of no element")
	}
	if len(p.steps) > maxPathSteps {
		return metadataPath{}, fmt.Errorf("more than %d steps", maxPathSteps)
	}
	return p, nil
}

// cutStep cuts off the first step of a path, [@][{namespace}]name. A namespace
// may hold slashes. There is more where a slash follows.
func cutStep(path string) (name xml.Name, attr bool, rest string, more bool, err error) {
	path, attr = strings.CutPrefix(path, "@")
	if space, ok := strings.CutPrefix(path, "{"); ok {
		if name.Space, path, ok = strings.Cut(space, "}"); !ok {
			return name, attr, "", false, errors.New("a brace without its end")
		}
		if name.Space == "" {
			return name, attr, "", false, errors.New("an empty namespace")
		}
	}
	name.Local, rest, more = strings.Cut(path, "/")
	switch {
	case name.Local == "":
		err = errors.New("an empty step")
	case strings.Contains(name.Local, ":"):
		err = fmt.Errorf("step %q has a prefix: write its namespace in braces, {uri}name", name.Local)
	case strings.ContainsAny(name.Local, " \t\r\n<>\"'&{}[]()*@=|") || name.Local == "." || name.Local == "..":
		err = fmt.Errorf("step %q is no name", name.Local)
	case label(name.Local) != name.Local:
		err = errors.New("a step is no UTF-8")
	}
	return name, attr, rest, more, err
}
