package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/virt-exporter/virt_exporter/alerts"
)

// bundledPrefix begins the identifiers of bundled rule files, which no absolute
// path does.
const bundledPrefix = "bundled/"

// loader gives the rule manager its files: bundled ones from within the program,
// others from disk.
type loader struct {
	bundled fs.FS
	parser  parser.Parser
	logger  *slog.Logger
}

// Load implements rules.GroupLoader. Its errors name file, line and column.
func (l loader) Load(id string, ignoreUnknown bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	groups, _, errs := l.load(id, ignoreUnknown, scheme)
	return groups, errs
}

// load returns what it has read as well.
func (l loader) load(id string, ignoreUnknown bool, scheme model.ValidationScheme) (*rulefmt.RuleGroups, []byte, []error) {
	content, err := l.content(id)
	if err != nil {
		return nil, nil, []error{fmt.Errorf("reading rule file %s: %w", id, err)}
	}
	groups, errs := rulefmt.Parse(content, ignoreUnknown, scheme, l.parser, l.logger)
	for i := range errs {
		errs[i] = fmt.Errorf("%s: %w", id, withLine(errs[i], content))
	}
	return groups, content, errs
}

// Parse implements rules.GroupLoader.
func (l loader) Parse(query string) (parser.Expr, error) {
	return l.parser.ParseExpr(query)
}

func (l loader) content(id string) ([]byte, error) {
	if name, ok := strings.CutPrefix(id, bundledPrefix); ok {
		return fs.ReadFile(l.bundled, name)
	}
	return os.ReadFile(id)
}

// bundledFiles returns the identifiers of the bundled rule files.
func bundledFiles(files fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "*.rules.yml")
	if err != nil {
		return nil, err
	}
	for i := range names {
		names[i] = bundledPrefix + names[i]
	}
	return names, nil
}

// userFiles resolves globs to absolute paths, each once and in order. A pattern
// that can match but one file must match it: a missing file is a mistake, an empty
// directory of rules is not.
func userFiles(globs []string) ([]string, error) {
	var files []string
	for _, g := range globs {
		names, err := filepath.Glob(g)
		if err != nil {
			return nil, fmt.Errorf("rule files %q: %w", g, err)
		}
		if len(names) == 0 && !strings.ContainsAny(g, `*?[\`) {
			return nil, fmt.Errorf("rule file %s: %w", g, fs.ErrNotExist)
		}
		for _, name := range names {
			abs, err := filepath.Abs(name)
			if err != nil {
				return nil, fmt.Errorf("rule file %s: %w", name, err)
			}
			files = append(files, abs)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// ruleSet is what a configuration evaluates.
type ruleSet struct {
	files  []string // identifiers for the loader
	groups []rulefmt.RuleGroup
	of     []ruleFile // of each group
}

// ruleFile is where a group was read.
type ruleFile struct {
	id      string // for the loader
	content []byte
}

// line returns where a rule of a group begins, the first being 1, or 0.
func (f ruleFile) line(group string, number int) int {
	var doc yaml.Node
	if yaml.Unmarshal(f.content, &doc) != nil || len(doc.Content) == 0 {
		return 0
	}
	n := ruleNode(child(doc.Content[0], "groups"), group, number)
	if n == nil {
		return 0
	}
	return n.Line
}

func (s ruleSet) count() int {
	n := 0
	for _, g := range s.groups {
		n += len(g.Rules)
	}
	return n
}

// ruleSet reads and checks every rule file. What is wrong in any of them is in
// the error, each with its file and line.
func (l loader) ruleSet(bundled bool, globs []string) (ruleSet, error) {
	var s ruleSet
	if bundled {
		names, err := bundledFiles(l.bundled)
		if err != nil {
			return ruleSet{}, fmt.Errorf("finding the bundled rules: %w", err)
		}
		s.files = names
	}
	names, err := userFiles(globs)
	if err != nil {
		return ruleSet{}, err
	}
	s.files = append(s.files, names...)
	var wrong []error
	for _, id := range s.files {
		groups, content, errs := l.load(id, false, model.UTF8Validation)
		if len(errs) > 0 {
			wrong = append(wrong, errs...)
			continue
		}
		s.groups = append(s.groups, groups.Groups...)
		for range groups.Groups {
			s.of = append(s.of, ruleFile{id, content})
		}
	}
	return s, errors.Join(wrong...)
}

func newLoader(p parser.Parser, logger *slog.Logger) loader {
	return loader{bundled: alerts.Rules(), parser: p, logger: logger}
}
