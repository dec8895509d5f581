// Command clients is the AWS SDK for Go v2 of the client matrix: one pair of clients for the life of the process.
//
// It reads one call a line from stdin (sts, s3) and answers each with one line of JSON on stdout. An argument is the profile
// that it names, else the environment says which.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

type answer struct {
	OK    any    `json:"ok,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	ctx := context.Background()
	var options []func(*config.LoadOptions) error
	if len(os.Args) > 1 {
		// as Pulumi's AWS provider does with the stack's aws:profile
		options = append(options, config.WithSharedConfigProfile(os.Args[1]))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	calls := map[string]func(context.Context) (any, error){
		"sts": caller(sts.NewFromConfig(cfg)),
		"s3":  buckets(s3.NewFromConfig(cfg)),
	}
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		got, err := calls[lines.Text()](ctx)
		if err != nil {
			_ = out.Encode(answer{Error: err.Error()})
			continue
		}
		_ = out.Encode(answer{OK: got})
	}
}

func caller(client *sts.Client) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		got, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return nil, err
		}
		return aws.ToString(got.Arn), nil
	}
}

func buckets(client *s3.Client) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		got, err := client.ListBuckets(ctx, &s3.ListBucketsInput{})
		if err != nil {
			return nil, err
		}
		names := make([]string, 0, len(got.Buckets))
		for _, bucket := range got.Buckets {
			names = append(names, aws.ToString(bucket.Name))
		}
		return names, nil
	}
}
