package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/yamldoc"
)

// applyTagged replaces one document, only as long as it has still the tag that was read with it.
func applyTagged(ctx context.Context, e *env, files []string, o admin.PutOptions) (*admin.ApplyOutput, error) {
	document, err := oneDocument(e, files)
	if err != nil {
		return nil, err
	}
	word, _ := document.Text("kind")
	kind, ok := admin.ParseKind(word)
	if !ok {
		return nil, document.Problem("kind", fmt.Sprintf("%q is no kind%s", word, yamldoc.Suggest(word, kindNames())))
	}
	key := nameKey(kind)
	name, ok := document.Text(key)
	if !ok {
		return nil, document.Problem(key, "is missing: it names the document that has the tag")
	}
	body, err := document.JSON()
	if err != nil {
		return nil, err
	}
	client, err := e.client()
	if err != nil {
		return nil, err
	}
	applied, err := client.Put(ctx, kind, name, body, o)
	if err != nil {
		return nil, err
	}
	return &admin.ApplyOutput{DryRun: o.DryRun, Applied: []admin.Applied{*applied}}, nil
}

// oneDocument reads the only document of the files.
func oneDocument(e *env, files []string) (*yamldoc.Document, error) {
	texts, err := readFiles(e, files)
	if err != nil {
		return nil, err
	}
	var documents []*yamldoc.Document
	for _, f := range texts {
		found, err := yamldoc.Parse(f.Name, []byte(f.Text))
		if err != nil {
			return nil, err
		}
		documents = slices.Concat(documents, found)
	}
	if len(documents) != 1 {
		return nil, fmt.Errorf("there must be one document, not %d", len(documents))
	}
	return documents[0], nil
}
