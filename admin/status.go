package admin

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// Status is what runs.
type Status struct {
	Version Version        `json:"version"`
	PID     int            `json:"pid"`
	Started time.Time      `json:"started" doc:"It differs after a restart, which keeps the process"`
	Change  uint64         `json:"change" doc:"The number of the store's last change"`
	Entries map[string]int `json:"entries" doc:"How many there are of each kind"`
	Ready   Readiness      `json:"ready"`
}

// BackupInput says where a backup is written.
type BackupInput struct {
	Path string `json:"path" maxLength:"4096" doc:"An absolute path; a file that lies there is replaced when the backup is whole"`
}

// Backup is a backup that was written.
type Backup struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	Change uint64 `json:"change" doc:"The number of the last change that it holds"`
}

// CheckResult is what a check of the store found.
type CheckResult struct {
	Problems []string `json:"problems" doc:"Empty: the store is sound"`
}

func (s *Server) storeRoutes(api huma.API) {
	tags := []string{"store"}
	register(s, api, access.Read, huma.Operation{OperationID: "status", Method: http.MethodGet, Path: "/status", Tags: tags,
		Summary: "What runs", Description: "The version, the process, and what /readyz tells."},
		func(context.Context, *struct{}) (*body[Status], error) {
			return &body[Status]{s.status()}, nil
		})
	register(s, api, access.Admin, huma.Operation{OperationID: "check", Method: http.MethodGet, Path: "/check", Tags: tags,
		Summary:     "Check every rule that the store must keep",
		Description: "As `dialtree check`, while the server runs. It reads the whole store.",
		Metadata:    map[string]any{streams: true}},
		func(ctx context.Context, _ *struct{}) (*body[CheckResult], error) {
			found, err := s.options.Store.Check(ctx)
			if err == nil {
				s.watch.check(len(found))
			}
			result := CheckResult{Problems: []string{}}
			for _, p := range found {
				result.Problems = append(result.Problems, p.String())
			}
			return &body[CheckResult]{result}, err
		})
	register(s, api, access.Admin, huma.Operation{OperationID: "backup", Method: http.MethodPost, Path: "/backup", Tags: tags,
		Summary:     "Write a backup of the store as it is now to a file of the server's machine",
		Description: "It holds the key of the stored secrets: keep it as you keep passwords.", Metadata: map[string]any{streams: true}},
		func(ctx context.Context, in *body[BackupInput]) (*body[Backup], error) {
			info, err := s.backup(ctx, in.Body.Path)
			return &body[Backup]{info}, err
		})
}

func (s *Server) status() Status {
	return Status{
		Version: s.options.Version,
		PID:     os.Getpid(),
		Started: s.started,
		Change:  s.options.Store.Seq(),
		Entries: entryCounts(s.options.Store),
		Ready:   s.readiness(),
	}
}

func entryCounts(st *store.Store) map[string]int {
	counts := st.Counts()
	out := map[string]int{}
	for _, k := range store.Kinds() {
		out[k.String()] = counts.Of(k)
	}
	return out
}

// backup writes a backup. Who may ask for one owns the store, so that the path is his to choose.
func (s *Server) backup(ctx context.Context, path string) (Backup, error) {
	if !filepath.IsAbs(path) {
		return Backup{}, &store.FieldError{Path: "path", Message: "must be absolute: the server has its own working directory"}
	}
	if err := s.audit(ctx, "wrote a backup", "store", "", store.AuditField{Field: "path", New: path}); err != nil {
		if written := (*store.WriteError)(nil); !errors.As(err, &written) {
			return Backup{}, err
		}
		// Who cannot write to the store needs a backup all the more.
		s.log.Warn("a backup is made that the audit log does not tell of", "path", path, "by", nameOf(access.From(ctx)), "error", err)
	}
	info, err := s.options.Store.Backup(ctx, path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			return Backup{}, newProblem(http.StatusUnprocessableEntity, err.Error())
		}
		return Backup{}, err
	}
	s.backedUp()
	s.log.Info("backup written", "path", path)
	return Backup{Path: info.Path, Bytes: info.Bytes, Change: info.Seq}, nil
}
