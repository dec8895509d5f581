// Command terraform is the client by which Terraform's provider for Azure gets its tokens, with what the provider reads of its
// environment: github.com/hashicorp/go-azure-sdk, sdk/auth, as hashicorp/terraform-provider-azurerm has it in
// internal/provider/provider.go and internal/clients/auth.go.
//
// It reads one scope a line from stdin (https://management.azure.com/.default) and answers each with one line of JSON on stdout:
// a digest of the token, its end, and what the client itself reads of its claims.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"os"
	"strings"

	"github.com/hashicorp/go-azure-sdk/sdk/auth"
	"github.com/hashicorp/go-azure-sdk/sdk/claims"
	"github.com/hashicorp/go-azure-sdk/sdk/environments"
	"golang.org/x/oauth2"
)

type answer struct {
	OK    any    `json:"ok,omitempty"`
	Error string `json:"error,omitempty"`
}

type described struct {
	TokenDigest string         `json:"token_digest"`
	ExpiresOn   int64          `json:"expires_on"`
	Claims      map[string]any `json:"claims"`
}

func main() {
	// the provider shows these lines with TF_LOG alone; they name the URL that it asks
	log.SetOutput(io.Discard)
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		found, err := ask(strings.TrimSuffix(strings.TrimSpace(lines.Text()), "/.default"))
		if err != nil {
			_ = out.Encode(answer{Error: err.Error()})
			continue
		}
		_ = out.Encode(answer{OK: found})
	}
}

// ask has a token fetched for an API, as the provider does for each that it uses.
func ask(resource string) (*described, error) {
	credentials := auth.Credentials{
		Environment:                              *environments.AzurePublic(),
		TenantID:                                 os.Getenv("ARM_TENANT_ID"),
		ClientID:                                 os.Getenv("ARM_CLIENT_ID"),
		EnableAuthenticatingUsingManagedIdentity: os.Getenv("ARM_USE_MSI") == "true",
		CustomManagedIdentityEndpoint:            os.Getenv("ARM_MSI_ENDPOINT"),
		CustomManagedIdentityAPIVersion:          os.Getenv("ARM_MSI_API_VERSION"),
	}
	api := environments.NewApiEndpoint("asked", resource, nil).WithResourceIdentifier(resource)
	authorizer, err := auth.NewAuthorizerFromCredentials(context.Background(), credentials, api)
	if err != nil {
		return nil, err
	}
	token, err := authorizer.Token(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	return describe(token)
}

// describe says what a test may know of a token: never the token itself.
func describe(token *oauth2.Token) (*described, error) {
	read, err := claims.ParseClaims(token)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(token.AccessToken))
	return &described{
		TokenDigest: hex.EncodeToString(digest[:8]),
		ExpiresOn:   token.Expiry.Unix(),
		Claims: map[string]any{
			"aud": read.Audience, "tid": read.TenantId, "oid": read.ObjectId, "appid": read.AppId,
		},
	}, nil
}
