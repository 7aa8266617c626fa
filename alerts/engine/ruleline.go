package engine

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
	"go.yaml.in/yaml/v3"
)

var (
	positioned = regexp.MustCompile(`^(yaml: |[1-9]\d*:\d+: )`)
	repeated   = regexp.MustCompile(`^0:0: groupname: "(.*)"`)
)

// withLine adds the line to an error of rulefmt that has none: that of a template,
// of a label's name and of a group's name.
func withLine(err error, content []byte) error {
	text := err.Error()
	if positioned.MatchString(text) {
		return err
	}
	var doc yaml.Node
	if yaml.Unmarshal(content, &doc) != nil || len(doc.Content) == 0 {
		return err
	}
	groups := child(doc.Content[0], "groups")
	var rule *rulefmt.Error
	if errors.As(err, &rule) {
		if n := ruleNode(groups, rule.Group, rule.Rule); n != nil {
			return fmt.Errorf("%d:%d: %w", n.Line, n.Column, err)
		}
	}
	if m := repeated.FindStringSubmatch(text); m != nil {
		if named := groupNodes(groups, m[1]); len(named) > 0 {
			n := named[len(named)-1]
			return fmt.Errorf("%d:%d: %s", n.Line, n.Column, strings.TrimPrefix(text, "0:0: "))
		}
	}
	return err
}

func ruleNode(groups *yaml.Node, group string, number int) *yaml.Node {
	for _, g := range groupNodes(groups, group) {
		if list := child(g, "rules"); list != nil && number >= 1 && number <= len(list.Content) {
			return list.Content[number-1]
		}
	}
	return nil
}

func groupNodes(groups *yaml.Node, name string) []*yaml.Node {
	var named []*yaml.Node
	if groups == nil {
		return nil
	}
	for _, g := range groups.Content {
		if n := child(g, "name"); n != nil && n.Value == name {
			named = append(named, g)
		}
	}
	return named
}

// child returns the value of a key, or nil.
func child(n *yaml.Node, name string) *yaml.Node {
	for key, value := range pairs(n) {
		if key.Value == name {
			return value
		}
	}
	return nil
}
