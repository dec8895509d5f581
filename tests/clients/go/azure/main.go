// Command azure is the Azure SDK for Go of the client matrix: one credential for the life of the process.
//
// It reads one scope a line from stdin (https://graph.microsoft.com/.default) and answers each with one line of JSON on stdout:
// a digest of the token, its end, and some of its claims. The first argument is the credential, default or managed; the next
// two, if any, are the kind of an id and the id: client_id, object_id or resource_id. Of default only AZURE_CLIENT_ID says which
// identity is meant.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
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

var names = []string{"aud", "tid", "oid", "appid", "azp", "scp", "roles"}

func main() {
	credential, err := credential(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		options := policy.TokenRequestOptions{Scopes: []string{strings.TrimSpace(lines.Text())}}
		token, err := credential.GetToken(context.Background(), options)
		if err != nil {
			_ = out.Encode(answer{Error: err.Error()})
			continue
		}
		_ = out.Encode(answer{OK: describe(token)})
	}
}

func credential(words []string) (azcore.TokenCredential, error) {
	switch {
	case len(words) == 1 && words[0] == "default":
		return azidentity.NewDefaultAzureCredential(nil)
	case len(words) == 1 && words[0] == "managed":
		return azidentity.NewManagedIdentityCredential(nil)
	case len(words) == 3 && words[0] == "managed":
		var id azidentity.ManagedIDKind
		switch words[1] {
		case "client_id":
			id = azidentity.ClientID(words[2])
		case "object_id":
			id = azidentity.ObjectID(words[2])
		case "resource_id":
			id = azidentity.ResourceID(words[2])
		default:
			return nil, fmt.Errorf("no such kind of id: %s", words[1])
		}
		return azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: id})
	}
	return nil, fmt.Errorf("say default or managed, and perhaps the kind of an id and the id: %q", words)
}

// describe says what a test may know of a token: never the token itself.
func describe(token azcore.AccessToken) described {
	digest := sha256.Sum256([]byte(token.Token))
	claims := map[string]any{}
	if parts := strings.Split(token.Token, "."); len(parts) == 3 {
		all := map[string]any{}
		if payload, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(payload, &all)
		}
		for _, name := range names {
			if value, there := all[name]; there {
				claims[name] = value
			}
		}
	}
	return described{hex.EncodeToString(digest[:8]), token.ExpiresOn.Unix(), claims}
}
