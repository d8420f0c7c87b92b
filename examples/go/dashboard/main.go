// A dashboard, as small as it can be: stores a token that nobody here can read
// again, and asks for a cluster.
//
//	dashboard credential KEY.pub NAME < token
//	dashboard cluster CREDENTIAL NAME LOCATION TYPE
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/nacl/box"
)

// byoc1.<key id>.<base64 of a sealed box>, for that credential only.
func seal(pubFile, credential, token string) (string, error) {
	text, err := os.ReadFile(pubFile)
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(text))
	if len(fields) == 0 {
		return "", fmt.Errorf("%s is empty", pubFile)
	}
	decoded, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(decoded) != 32 {
		return "", fmt.Errorf("%s is no .pub file", pubFile)
	}
	key := [32]byte(decoded)
	hash := blake2b.Sum256(key[:])
	plain := "credential:" + credential + ":token\x00" + token
	sealed, err := box.SealAnonymous(nil, []byte(plain), &key, rand.Reader)
	if err != nil {
		return "", err
	}
	return "byoc1." + hex.EncodeToString(hash[:8]) + "." +
		base64.StdEncoding.EncodeToString(sealed), nil
}

func addCredential(ctx context.Context, tx pgx.Tx, id string, a []string) error {
	token, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	sealed, err := seal(a[0], id, strings.TrimSpace(string(token)))
	if err != nil {
		return err
	}
	if _, err = tx.Exec(ctx, "INSERT INTO byoc.credentials (id, name, sealed_token)"+
		" VALUES ($1, $2, $3)", id, a[1], sealed); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "SELECT byoc.enqueue('credential.validate', $1)", id)
	return err
}

func addCluster(ctx context.Context, tx pgx.Tx, id string, a []string) error {
	_, err := tx.Exec(ctx, "INSERT INTO byoc.clusters"+
		" (id, name, credential_id, location, type)"+
		" VALUES ($1, $2, $3, $4, $5)", id, a[1], a[0], a[2], a[3])
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "SELECT byoc.enqueue('cluster.provision', $1)", id)
	return err
}

func main() {
	ctx := context.Background()
	if len(os.Args) < 4 || (os.Args[1] == "cluster" && len(os.Args) < 6) {
		log.Fatal("usage: dashboard credential KEY.pub NAME < token, or" +
			" dashboard cluster CREDENTIAL NAME LOCATION TYPE")
	}
	ask := addCredential
	if os.Args[1] == "cluster" {
		ask = addCluster
	}
	connection, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close(ctx)
	id := uuid.NewString()
	// The record and the job, or neither.
	err = pgx.BeginFunc(ctx, connection, func(tx pgx.Tx) error {
		return ask(ctx, tx, id, os.Args[2:])
	})
	if err != nil { // such as BY001: too many clusters
		log.Fatal(err)
	}
	fmt.Println(id)
}
