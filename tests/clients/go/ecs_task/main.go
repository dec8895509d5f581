// Command ecs_task reads the task metadata endpoint as the Datadog agent does: its types, decoded as Go decodes them.
//
// It asks for what ECS_CONTAINER_METADATA_URI_V4 (or an argument) says, and for /task and /taskWithTags below it, and prints
// what it read as one line of JSON; it ends with 1 and the decoder's words if a document is not of these types.
//
// The types are those of github.com/DataDog/datadog-agent, pkg/util/ecs/metadata/v3or4/types.go, field by field. Its module
// is not imported: it brings the agent with it.
package main

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"os"
)

type task struct {
	Cluster                 string
	Containers              []container
	KnownStatus             string
	TaskARN                 string
	Family                  string
	Revision                string
	Limits                  map[string]float64
	DesiredStatus           string
	LaunchType              string
	ContainerInstanceTags   map[string]string
	TaskTags                map[string]string
	EphemeralStorageMetrics map[string]int64
	ServiceName             string
	Group                   string
	VPCID                   string
	PullStartedAt           string
	PullStoppedAt           string
	ExecutionStoppedAt      string
	AvailabilityZone        string
	Errors                  []awsError
}

type awsError struct {
	ErrorField   string
	ErrorCode    string
	ErrorMessage string
	StatusCode   int
	RequestID    string `json:"RequestId"`
	RequestARN   string
}

type container struct {
	Name          string
	Limits        map[string]uint64
	ImageID       string
	StartedAt     string
	DockerName    string
	Type          string
	Image         string
	Labels        map[string]string
	KnownStatus   string
	DesiredStatus string
	DockerID      string
	CreatedAt     string
	Networks      []network
	Ports         []port
	LogDriver     string
	LogOptions    map[string]string
	ContainerARN  string
	Health        *health
	Volumes       []volume
	ExitCode      *int64
	Snapshotter   string
	RestartCount  *int
}

type health struct {
	Status   string `json:"status"`
	Since    string `json:"statusSince"`
	ExitCode *int64 `json:"exitCode"`
	Output   string `json:"output"`
}

type network struct {
	NetworkMode   string
	IPv4Addresses []string
	IPv6Addresses []string
}

type port struct {
	ContainerPort uint16
	Protocol      string
	HostPort      uint16
	HostIP        string
}

type volume struct {
	DockerName  string
	Source      string
	Destination string
}

func main() {
	address := os.Getenv("ECS_CONTAINER_METADATA_URI_V4")
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	var read struct {
		Container container
		Task      task
		Tagged    task
	}
	for path, into := range map[string]any{"": &read.Container, "/task": &read.Task, "/taskWithTags": &read.Tagged} {
		if err := ask(address+path, into); err != nil {
			fmt.Fprintf(os.Stderr, "%s%s: %v\n", address, path, err)
			os.Exit(1)
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(read)
}

func ask(address string, into any) error {
	answer, err := http.Get(address)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", answer.Status)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "application/json" {
		return fmt.Errorf("it is %s", kind)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
