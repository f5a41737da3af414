package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

func newSupportCommand(e *env) *cobra.Command {
	var names bool
	c := &cobra.Command{
		Use:   "support FILE",
		Short: "Write an archive for whoever helps: state, log, figures, without secrets and names",
		Long: `Support writes a tar.gz with what somebody needs who helps from afar: version,
configuration, overview, certificates, the figures of this moment and all metrics, the last
lines of the log, what was refused lately, the result of a check of the store, and profiles
of goroutines and memory.

No password is in it. Names and addresses of people are replaced: the same one by the same
word within one archive, so that it can still be seen whether one account or a hundred are
concerned; of log lines only what cannot hold a name is kept. --with-names keeps all of it.
Names of upstreams, connectors, servers and files stay. Look into it before you send it.`,
		Example: `  dialtree support dialtree-support.tar.gz
  dialtree support --with-names /root/support.tar.gz`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			s := &support{client: client, mask: newMask(names)}
			if err := s.write(c.Context(), args[0]); err != nil {
				return fmt.Errorf("write %s: %w", args[0], err)
			}
			fmt.Fprintf(e.stderr, "wrote %s: look into it before you send it\n", args[0])
			return nil
		},
	}
	c.Flags().BoolVar(&names, "with-names", false, "keep names and addresses of people")
	return c
}

// A support makes the archive.
type support struct {
	client *admin.Client
	mask   *mask
	out    *tar.Writer
	failed []string // what could not be had: the rest is worth sending all the same
}

func (s *support) write(ctx context.Context, path string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".dialtree-*") // for its owner alone
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	packed := gzip.NewWriter(f)
	s.out = tar.NewWriter(packed)
	err = s.files(ctx)
	if err = errors.Join(err, s.out.Close(), packed.Close(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (s *support) files(ctx context.Context) error {
	for _, file := range []struct {
		name string
		get  func(context.Context) (any, error)
	}{
		{"version.json", func(ctx context.Context) (any, error) { return buildVersion(), nil }},
		{"status.json", func(ctx context.Context) (any, error) { return s.client.Status(ctx) }},
		{"overview.json", func(ctx context.Context) (any, error) { return s.client.Overview(ctx) }},
		{"configuration.json", func(ctx context.Context) (any, error) { return s.client.Settings(ctx) }},
		{"certificates.json", func(ctx context.Context) (any, error) { return s.client.Certificates(ctx) }},
		{"cluster.json", s.cluster},
		{"store.json", func(ctx context.Context) (any, error) { return s.client.StoreFigures(ctx) }},
		{"trends.json", func(ctx context.Context) (any, error) { return s.client.Trends(ctx, 24) }},
		{"live.json", s.live},
		{"log.json", s.log},
		{"refused.json", s.refused},
		{"check.json", s.check},
		{"metrics.txt", func(ctx context.Context) (any, error) { return s.client.Metrics(ctx) }},
		{"goroutine.pprof", func(ctx context.Context) (any, error) { return s.client.Profile(ctx, "goroutine", 0) }},
		{"heap.pprof", func(ctx context.Context) (any, error) { return s.client.Profile(ctx, "heap", 0) }},
	} {
		content, err := file.get(ctx)
		var notRunning *admin.ErrNotRunning
		if errors.As(err, &notRunning) || ctx.Err() != nil {
			return err
		}
		if err == nil {
			err = s.add(file.name, content)
		}
		if err != nil {
			s.failed = append(s.failed, file.name+": "+err.Error())
		}
	}
	if len(s.failed) > 0 {
		return s.add("missing.json", s.failed)
	}
	return nil
}

func (s *support) add(name string, content any) error {
	var b bytes.Buffer
	if d, ok := content.(*admin.Download); ok {
		defer d.Close()
		if _, err := io.Copy(&b, d); err != nil {
			return err
		}
	} else if err := writeJSON(&b, content); err != nil {
		return err
	}
	err := s.out.WriteHeader(&tar.Header{Name: "dialtree-support/" + name, Mode: 0o600, Size: int64(b.Len()), ModTime: time.Now()})
	if err != nil {
		return err
	}
	_, err = s.out.Write(b.Bytes())
	return err
}

// cluster tells of the nodes. That there are none is an answer, too.
func (s *support) cluster(ctx context.Context) (any, error) {
	c, err := s.client.Cluster(ctx, admin.ClusterOptions{Members: true})
	var problem *admin.Problem
	if errors.As(err, &problem) && problem.Status == http.StatusNotFound {
		return problem.Detail, nil
	}
	return c, err
}

func (s *support) live(ctx context.Context) (any, error) {
	l, err := s.client.Live(ctx, 0)
	if err != nil {
		return nil, err
	}
	for _, names := range [][]admin.ThrottledName{l.Throttled.Users, l.Throttled.Addresses} {
		for i := range names {
			names[i].Name = s.mask.word(names[i].Name)
		}
	}
	for _, counts := range [][]admin.LiveCount{l.RefusedNames, l.RefusedAddresses} {
		for i := range counts {
			counts[i].Name = s.mask.word(counts[i].Name)
		}
	}
	for i := range l.Runs {
		l.Runs[i].By = s.mask.word(l.Runs[i].By)
	}
	return l, nil
}

// plainAttrs are the attributes of log lines that hold no name of a person. An allowance: what is new is masked.
var plainAttrs = []string{"outcome", "method", "upstream", "server", "duration_ms", "operation", "listener", "ldap", "ldaps", "admin",
	"change", "entries", "everything", "put", "removed", "connector", "run", "result", "phase", "bytes", "refused_since_last_line"}

func (s *support) log(ctx context.Context) (any, error) {
	records, err := s.client.Log(ctx, admin.LogOptions{Limit: 1000})
	if err != nil {
		return nil, err
	}
	for i := range records {
		for j := range records[i].Attrs {
			if a := &records[i].Attrs[j]; !slices.Contains(plainAttrs, a.Key) {
				a.Value = s.mask.word(a.Value)
			}
		}
	}
	return records, nil
}

func (s *support) refused(ctx context.Context) (any, error) {
	records, err := s.client.Refusals(ctx, admin.RefusalOptions{Limit: 1000})
	if err != nil {
		return nil, err
	}
	for i := range records {
		r := &records[i]
		r.Name, r.From, r.Reason = s.mask.word(r.Name), s.mask.word(r.From), s.mask.word(r.Reason)
	}
	return records, nil
}

// check tells the problems of the store. The name of an entry stands in brackets.
func (s *support) check(ctx context.Context) (any, error) {
	problems, err := s.client.Check(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(problems))
	for i, p := range problems {
		out[i] = s.mask.brackets(p)
	}
	return out, nil
}

// A mask replaces words by others that tell nothing, the same by the same.
type mask struct {
	off bool
	key [32]byte
}

func newMask(off bool) *mask {
	m := &mask{off: off}
	rand.Read(m.key[:]) // never fails, says crypto/rand
	return m
}

func (m *mask) word(text string) string {
	if m.off || text == "" {
		return text
	}
	h := hmac.New(sha256.New, m.key[:])
	h.Write([]byte(strings.ToLower(text)))
	return "masked-" + hex.EncodeToString(h.Sum(nil)[:4])
}

func (m *mask) brackets(text string) string {
	if m.off {
		return text
	}
	before, rest, ok := strings.Cut(text, " (")
	name, after, closed := strings.Cut(rest, ")")
	if !ok || !closed {
		return text
	}
	return before + " (" + m.word(name) + ")" + after
}
