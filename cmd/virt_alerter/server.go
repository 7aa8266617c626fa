package main

import (
	"net/http"
	"time"
)

const (
	// A client that sends or takes slowly may not hold up a query's memory for ever.
	readTimeout  = 30 * time.Second
	writeTimeout = 2 * time.Minute
	idleTimeout  = 5 * time.Minute
	// What a request that is under way when the signal comes may still take.
	stopTimeout = 5 * time.Second
)

func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:      handler,
		ReadTimeout:  readTimeout,
		WriteTimeout: writeTimeout,
		IdleTimeout:  idleTimeout,
	}
}
