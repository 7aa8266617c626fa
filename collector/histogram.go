package collector

import (
	"math"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// Classic bounds run from 2^-20 s to 2^4 s in steps of ×4. Each is the end of a
// slot, so that classic and native buckets are both exact.
const (
	classicFirst = model.MinExponent
	classicLast  = 4
	classicStep  = 2
	classicCount = (classicLast-classicFirst)/classicStep + 1
)

// histogram is one metric with classic and native buckets, so that old servers
// and new ones both see it.
type histogram struct {
	dto     dto.Histogram
	count   uint64
	sum     float64
	classic [classicCount]uint64
}

func newHistogram() *histogram {
	h := &histogram{}
	h.dto.SampleCount, h.dto.SampleSum = &h.count, &h.sum
	for i := range classicCount {
		bound := math.Ldexp(1, classicFirst+i*classicStep)
		h.dto.Bucket = append(h.dto.Bucket, &dto.Bucket{UpperBound: &bound, CumulativeCount: &h.classic[i]})
	}
	// Schema 0 has a bucket for each power of two; index k ends at 2^k. No
	// observation is 0, but a native histogram must have a zero bucket.
	h.dto.Schema = proto.Int32(0)
	h.dto.ZeroThreshold = proto.Float64(math.SmallestNonzeroFloat64)
	h.dto.ZeroCount = proto.Uint64(0)
	h.dto.PositiveSpan = []*dto.BucketSpan{{Offset: proto.Int32(model.MinExponent), Length: proto.Uint32(model.Slots)}}
	h.dto.PositiveDelta = make([]int64, model.Slots)
	return h
}

// set fills in what was observed.
func (h *histogram) set(from *model.Histogram) {
	var before uint64
	h.count = 0
	for i, c := range from.Counts {
		h.dto.PositiveDelta[i] = int64(c - before)
		before = c
		h.count += c
		if over := i - (classicFirst - model.MinExponent); over >= 0 && over%classicStep == 0 && over/classicStep < classicCount {
			h.classic[over/classicStep] = h.count
		}
	}
	h.sum = from.Sum
}
