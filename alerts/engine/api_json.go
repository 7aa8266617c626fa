package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// appendSuccess appends the JSON of an answer.
func appendSuccess(b []byte, data any, warnings, infos []string) ([]byte, error) {
	b = append(b, `{"status":"success","data":`...)
	b, err := appendData(b, data)
	if err != nil {
		return nil, err
	}
	b = appendStrings(b, "warnings", warnings)
	b = appendStrings(b, "infos", infos)
	return append(b, '}'), nil
}

// appendError appends the JSON of a failure.
func appendError(b []byte, kind errorKind, message string) []byte {
	b = append(b, `{"status":"error","errorType":`...)
	b = appendString(b, string(kind))
	b = append(b, `,"error":`...)
	b = appendString(b, message)
	return append(b, '}')
}

func appendStrings(b []byte, key string, all []string) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(b, ',')
	b = appendString(b, key)
	b = append(b, ':')
	return append(appendList(b, all, appendString), ']')
}

// appendList appends a JSON array without its end.
func appendList[T any](b []byte, items []T, add func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = add(b, item)
	}
	return b
}

// appendData appends what an endpoint found. What may be long, samples and
// label sets, is written without reflection.
func appendData(b []byte, data any) ([]byte, error) {
	switch d := data.(type) {
	case queryData:
		return appendResult(b, d)
	case []labels.Labels:
		return append(appendList(b, d, appendLabels), ']'), nil
	}
	text, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer: %w", err)
	}
	return append(b, text...), nil
}

func appendResult(b []byte, d queryData) ([]byte, error) {
	b = append(b, `{"resultType":`...)
	b = appendString(b, string(d.value.Type()))
	b = append(b, `,"result":`...)
	switch v := d.value.(type) {
	case promql.Vector:
		b = append(appendList(b, v, appendSample), ']')
	case promql.Matrix:
		b = append(appendList(b, v, appendSeries), ']')
	default: // a scalar or a string
		var err error
		if b, err = appendData(b, v); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendSample(b []byte, s promql.Sample) []byte {
	b = append(b, `{"metric":`...)
	b = appendLabels(b, s.Metric)
	if s.H != nil {
		b = append(b, `,"histogram":`...)
		b = appendHPoint(b, promql.HPoint{T: s.T, H: s.H})
	} else {
		b = append(b, `,"value":`...)
		b = appendFPoint(b, promql.FPoint{T: s.T, F: s.F})
	}
	return append(b, '}')
}

func appendSeries(b []byte, s promql.Series) []byte {
	b = append(b, `{"metric":`...)
	b = appendLabels(b, s.Metric)
	if len(s.Floats) > 0 {
		b = append(b, `,"values":`...)
		b = append(appendList(b, s.Floats, appendFPoint), ']')
	}
	if len(s.Histograms) > 0 {
		b = append(b, `,"histograms":`...)
		b = append(appendList(b, s.Histograms, appendHPoint), ']')
	}
	return append(b, '}')
}

func appendFPoint(b []byte, p promql.FPoint) []byte {
	b = appendTime(append(b, '['), p.T)
	b = appendFloat(append(b, ','), p.F)
	return append(b, ']')
}

func appendHPoint(b []byte, p promql.HPoint) []byte {
	b = appendTime(append(b, '['), p.T)
	b = appendHistogram(append(b, ','), p.H)
	return append(b, ']')
}

// appendTime appends milliseconds as seconds.
func appendTime(b []byte, ms int64) []byte {
	if ms < 0 {
		b = append(b, '-')
		ms = -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if rest := ms % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
	return b
}

// appendFloat appends a value as a string, which may be NaN, +Inf and -Inf.
func appendFloat(b []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(append(b, '"'), f, format, -1, 64)
	return append(b, '"')
}

// appendHistogram appends a native histogram. The first number of a bucket says
// which of its ends belong to it: 0 the upper, 1 the lower, 2 none, 3 both.
func appendHistogram(b []byte, h *histogram.FloatHistogram) []byte {
	b = appendFloat(append(b, `{"count":`...), h.Count)
	b = appendFloat(append(b, `,"sum":`...), h.Sum)
	var buckets []histogram.Bucket[float64]
	for it := h.AllBucketIterator(); it.Next(); {
		if bucket := it.At(); bucket.Count != 0 {
			buckets = append(buckets, bucket)
		}
	}
	if len(buckets) > 0 {
		b = append(b, `,"buckets":`...)
		b = append(appendList(b, buckets, appendBucket), ']')
	}
	return append(b, '}')
}

func appendBucket(b []byte, bucket histogram.Bucket[float64]) []byte {
	ends := byte('2')
	switch {
	case bucket.LowerInclusive && bucket.UpperInclusive:
		ends = '3'
	case bucket.LowerInclusive:
		ends = '1'
	case bucket.UpperInclusive:
		ends = '0'
	}
	b = append(b, '[', ends, ',')
	b = appendFloat(b, bucket.Lower)
	b = appendFloat(append(b, ','), bucket.Upper)
	b = appendFloat(append(b, ','), bucket.Count)
	return append(b, ']')
}

func appendLabels(b []byte, set labels.Labels) []byte {
	b = append(b, '{')
	first := true
	set.Range(func(l labels.Label) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendString(b, l.Name)
		b = appendString(append(b, ':'), l.Value)
	})
	return append(b, '}')
}

// appendString appends a JSON string. HTML is left as it is, as Prometheus
// leaves it: nothing reads the answer as HTML.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendOddString(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendOddString(b []byte, s string) []byte {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return append(b, `""`...) // no string fails
	}
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}
