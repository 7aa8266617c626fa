package engine

import (
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/version"
)

// statusInfo is what the API says of this process and does not change.
type statusInfo struct {
	hostname  string
	started   time.Time
	retention time.Duration
}

// The JSON of the status pages, in Prometheus' words.
type (
	buildInfoData struct {
		Version   string `json:"version"`
		Revision  string `json:"revision"`
		Branch    string `json:"branch"`
		BuildUser string `json:"buildUser"`
		BuildDate string `json:"buildDate"`
		GoVersion string `json:"goVersion"`
	}

	runtimeInfoData struct {
		StartTime        time.Time `json:"startTime"`
		Hostname         string    `json:"hostname"`
		ServerTime       time.Time `json:"serverTime"`
		GoroutineCount   int       `json:"goroutineCount"`
		GOMAXPROCS       int       `json:"GOMAXPROCS"`
		GOMEMLIMIT       int64     `json:"GOMEMLIMIT"`
		GOGC             string    `json:"GOGC"`
		GODEBUG          string    `json:"GODEBUG"`
		StorageRetention string    `json:"storageRetention"`
	}
)

// buildInfo says which Prometheus this answers like: Grafana chooses by it what
// it may ask. The rest is of this program's own build.
func (a *api) buildInfo(*http.Request) (answer, error) {
	return answer{data: buildInfoData{
		Version:   prometheusVersion(debug.ReadBuildInfo),
		Revision:  version.GetRevision(),
		Branch:    version.Branch,
		BuildUser: version.BuildUser,
		BuildDate: version.BuildDate,
		GoVersion: version.GoVersion,
	}}, nil
}

// leastVersion is said where the build does not know what it is made of.
const leastVersion = "3.0.0"

// prometheusVersion returns the server version of the engine that is linked.
// The module v0.315.0 is of the server 3.15.0.
func prometheusVersion(read func() (*debug.BuildInfo, bool)) string {
	info, ok := read()
	if !ok {
		return leastVersion
	}
	for _, dep := range info.Deps {
		if dep.Path != "github.com/prometheus/prometheus" {
			continue
		}
		parts := strings.Split(strings.TrimPrefix(dep.Version, "v"), ".")
		if len(parts) < 3 {
			break
		}
		minor, err := strconv.Atoi(parts[1])
		if err != nil || minor < 300 {
			break
		}
		patch, _, _ := strings.Cut(parts[2], "-")
		return strconv.Itoa(minor/100) + "." + strconv.Itoa(minor%100) + "." + patch
	}
	return leastVersion
}

// runtimeInfo says how this process does.
func (a *api) runtimeInfo(*http.Request) (answer, error) {
	return answer{data: runtimeInfoData{
		StartTime:        a.status.started,
		Hostname:         a.status.hostname,
		ServerTime:       a.now().UTC(),
		GoroutineCount:   runtime.NumGoroutine(),
		GOMAXPROCS:       runtime.GOMAXPROCS(0),
		GOMEMLIMIT:       debug.SetMemoryLimit(-1),
		GOGC:             os.Getenv("GOGC"),
		GODEBUG:          os.Getenv("GODEBUG"),
		StorageRetention: model.Duration(a.status.retention).String(),
	}}, nil
}
