package sourcetest

import (
	"fmt"
	"reflect"
	"regexp"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// gauges are the readings that may fall. All others are counters, also those
// that are not thought of yet.
var gauges = regexp.MustCompile(`^Guest\.(StartTime|CPU\.(StealCoverage|LimitCores|Weight|CPUs)|` +
	`Memory\.(Usage|WorkingSet|Anon|Limit|Swap|Balloon|BalloonMaximum|Available|BalloonUpdated|NUMA\[.*\]\.Bytes)|` +
	`Migrating|MonitorAnswers|IO\[.*\]\.(Read|Write|Total)Limit\..*|Shares\[.*\]\.(OpenFDs|MaxFDs))$|^Node\.(CPUs|Memory|VCPUsAllocated|MemoryAllocated)$|` +
	`^Mount\.(StuckSeconds|LastSuccess|Interval|Probes\[.*\]\.(Pairs|.*Median|Ratio.*|Added.*))$|` +
	`^ShareProbe\.(StuckSeconds|LastSuccess|Ops\[.*\]\.Median)$`)

// checkGrowth checks that counters neither fall nor vanish.
func checkGrowth(t *testing.T, before, after map[string]float64) {
	t.Helper()
	for name, was := range before {
		if is, ok := after[name]; !ok || is < was {
			t.Errorf("%s was %v and is %v (there: %t)", name, was, is, ok)
		}
	}
}

func checkNames(t *testing.T, r model.Reading) {
	t.Helper()
	seen := make(map[model.Name]bool)
	for i := range r.Guests {
		n := r.Guests[i].Name
		if n.Kind == "" || n.Runtime == "" || n.Guest == "" {
			t.Errorf("a part of the name %+v is empty", n)
		}
		if seen[n] {
			t.Errorf("%v is given twice", n)
		}
		seen[n] = true
	}
}

func checkMounts(t *testing.T, r model.Reading) {
	t.Helper()
	seen := make(map[string]bool)
	for i := range r.Mounts {
		m := &r.Mounts[i]
		if where := m.String() + m.Mountpoint; m.Mountpoint == "" || m.FSType == "" || m.Passthrough == "" || seen[where] {
			t.Errorf("a mount has no name, or comes twice: %+v", m)
		} else {
			seen[where] = true
		}
	}
}

func checkFeatures(t *testing.T, r model.Reading) {
	t.Helper()
	seen := make(map[string]bool)
	for _, f := range r.Features {
		if f.Name == "" || seen[f.Name] {
			t.Errorf("feature %q has no name or comes twice", f.Name)
		}
		seen[f.Name] = true
		if f.Reason != model.Available && f.Remedy == "" {
			t.Errorf("feature %s is not there (%s) and nobody is told what to do", f.Name, f.Reason)
		}
	}
}

// counters returns all counters of a reading by guest and field.
func counters(r model.Reading) map[string]float64 {
	found := make(map[string]float64)
	visit := func(who string) visitor {
		return func(where string, v any) {
			o, ok := v.(model.Opt)
			value, there := o.Get()
			if f, isFloat := v.(float64); isFloat {
				value, there, ok = f, true, true
			}
			if ok && there && !gauges.MatchString(where) {
				found[who+" "+where] = value
			}
		}
	}
	for i := range r.Guests {
		visit(r.Guests[i].Name.String()).walk("Guest", reflect.ValueOf(r.Guests[i]))
	}
	for i := range r.Measured {
		visit("measured "+r.Measured[i].Name.String()).walk("Measured", reflect.ValueOf(r.Measured[i]))
	}
	for i := range r.Mounts {
		m := &r.Mounts[i]
		visit("mount "+m.String()+m.Mountpoint).walk("Mount", reflect.ValueOf(*m))
	}
	for i := range r.ShareProbes {
		visit("share "+r.ShareProbes[i].Source).walk("ShareProbe", reflect.ValueOf(r.ShareProbes[i]))
	}
	if r.Node != nil {
		visit("node").walk("Node", reflect.ValueOf(*r.Node))
	}
	return found
}

// texts returns all texts of a reading by where they stand.
func texts(r model.Reading) map[string]string {
	found := make(map[string]string)
	visitor(func(where string, v any) {
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.String {
			found[where] = rv.String()
		}
	}).walk("Reading", reflect.ValueOf(r))
	return found
}

// visitor is called with each value that has no fields that can be seen.
type visitor func(where string, v any)

func (f visitor) walk(where string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			f.walk(where, v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			f.walk(fmt.Sprintf("%s[%s]", where, label(i, v.Index(i))), v.Index(i))
		}
	case reflect.Struct:
		if _, ok := v.Interface().(model.Opt); ok {
			f(where, v.Interface())
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.walk(where+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	default:
		f(where, v.Interface())
	}
}

// label is what tells an element of a list from others, whatever its place.
func label(i int, v reflect.Value) string {
	switch v := v.Interface().(type) {
	case model.DeviceIO:
		return v.Device + " " + string(v.Layer)
	case model.Stolen:
		return string(v.Cause) + " " + v.Culprit + " " + string(v.Method)
	case model.Interface:
		return v.Name
	case model.Exits:
		return v.Reason
	case model.KVMEvent:
		return v.Event
	case model.NodeMemory:
		return v.Node
	case model.Share:
		return v.Tag
	case model.Guest:
		return v.String()
	case model.Mount:
		return v.String() + v.Mountpoint
	case model.Probe:
		return v.Op + " " + v.Reference
	case model.ShareOp:
		return v.Op
	}
	return fmt.Sprint(i)
}
