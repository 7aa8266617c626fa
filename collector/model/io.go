package model

// Layer says where I/O was observed.
type Layer string

// The layers. What lies between them is the cost of the virtual layer.
const (
	LayerGuest Layer = "guest" // the virtual device: what the guest waits for
	LayerHost  Layer = "host"  // the host's bottom block device on its behalf
)

// DeviceIO is what a guest did to one block device.
type DeviceIO struct {
	Device                      string
	Layer                       Layer
	Read, Write, Flush, Discard Operations

	// Limits on this device, absent when unlimited.
	ReadLimit, WriteLimit, TotalLimit IOLimit
}

// Operations sums completed requests of one kind.
type Operations struct {
	Requests, Bytes Opt
	Seconds         Opt
	DeviceSeconds   Opt        // of Seconds, what the device took, without the scheduler's queue
	Latency         *Histogram // nil where nobody measures it
}

// IOLimit is a cap on a device.
type IOLimit struct {
	BytesPerSecond, RequestsPerSecond Opt
}
