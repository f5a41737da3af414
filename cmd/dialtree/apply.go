package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

// maxApply bounds what one apply reads. The server has the same bound on a request.
const maxApply = 24 << 20

func newApplyCommand(e *env) *cobra.Command {
	var files []string
	var dryRun bool
	var ifMatch, output string
	c := &cobra.Command{
		Use:   "apply -f FILE...",
		Short: "Create or update upstreams, connectors, phonebooks, devices and entries from YAML",
		Long: `Apply reads YAML documents and makes the server have what they say: all of them in
one step, or none when one has a mistake. What ` + "`dialtree get KIND -o yaml`" + ` prints can be
applied. "-" is standard input.

A secret is a text, {env: NAME} or {file: PATH}; the server reads variables and files.
A device without a password gets one, which is printed this once.`,
		Example: `  dialtree apply -f upstream.yaml
  dialtree apply -f upstreams.yaml -f users.yaml --dry-run
  dialtree apply -f corp.yaml --if-match "$(dialtree get upstream corp --show-tag)"
  dialtree apply -f - <<'YAML'
  kind: phonebook
  name: customers
  title: Customers
  readers: [authenticated]
  YAML`,
		Args: cobra.ArbitraryArgs, // files of a shell pattern behind -f
		RunE: func(c *cobra.Command, args []string) error {
			files = append(files, args...)
			if len(files) == 0 {
				return usagef(c, "name a file with -f, or - for standard input")
			}
			out, err := apply(c.Context(), e, files, admin.PutOptions{IfMatch: ifMatch, DryRun: dryRun})
			if err != nil {
				return err
			}
			if isData(output) {
				return writeData(e.stdout, output, out.Applied)
			}
			writeApplied(e.stdout, out)
			return nil
		},
	}
	c.Flags().StringArrayVarP(&files, "file", "f", nil, "YAML `file`, or - for standard input; may be given several times")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	c.Flags().StringVar(&ifMatch, "if-match", "", "one document, only when it still has this `tag`, which get --show-tag prints")
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

// apply applies all documents of the files; with a tag the only one.
func apply(ctx context.Context, e *env, files []string, o admin.PutOptions) (*admin.ApplyOutput, error) {
	if o.IfMatch != "" {
		return applyTagged(ctx, e, files, o)
	}
	texts, err := readFiles(e, files)
	if err != nil {
		return nil, err
	}
	client, err := e.client()
	if err != nil {
		return nil, err
	}
	return client.Apply(ctx, texts, o.DryRun)
}

func readFiles(e *env, names []string) ([]admin.File, error) {
	var files []admin.File
	room := int64(maxApply)
	for _, name := range names {
		shown, text, err := readFile(e, name, room)
		if err != nil {
			return nil, err
		}
		room -= int64(len(text))
		files = append(files, admin.File{Name: shown, Text: string(text)})
	}
	return files, nil
}

func readFile(e *env, name string, room int64) (shown string, text []byte, err error) {
	shown, in := name, e.stdin
	if name == "-" {
		shown = "stdin"
	} else {
		f, err := os.Open(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return name, nil, fmt.Errorf("%s: there is no such file", name)
		case err != nil:
			return name, nil, err
		}
		defer f.Close()
		in = f
	}
	text, err = io.ReadAll(io.LimitReader(in, room+1))
	switch {
	case err != nil:
		return shown, nil, fmt.Errorf("read %s: %w", shown, err)
	case int64(len(text)) > room:
		return shown, nil, fmt.Errorf("%s: one apply takes at most 24 MiB: split the files, or import a CSV file with a connector", shown)
	}
	return shown, text, nil
}

func writeApplied(w io.Writer, out *admin.ApplyOutput) {
	for _, a := range out.Applied {
		fmt.Fprintf(w, "%s %s %s", a.Effect, a.Kind, terminal.Printable(a.Name))
		if out.DryRun {
			fmt.Fprint(w, " (dry run)")
		}
		fmt.Fprintln(w)
		if a.Password != "" {
			fmt.Fprintf(w, "  its password, shown this once: %s\n", a.Password)
		}
	}
}
