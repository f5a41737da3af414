package admin

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

const (
	// downloads are where backups lie while they are sent, in the store's directory: another
	// one may be in memory, or open to others.
	downloads = ".download-*"
	// sendTimeout is how long a client may take for a piece of a backup.
	sendTimeout = time.Minute
	sendPiece   = 1 << 20
)

func (s *Server) figureRoutes(api huma.API) {
	tags := []string{"store"}
	register(s, api, access.Read, huma.Operation{OperationID: "store", Method: http.MethodGet, Path: "/store", Tags: tags,
		Summary:     "The size of the store, the room that is left, and the last backup",
		Description: "`change` counts the changes of the store: the same number, and nothing was changed."},
		func(context.Context, *struct{}) (*body[StoreFigures], error) {
			f, err := s.storeFigures()
			return &body[StoreFigures]{f}, err
		})
	register(s, api, access.Admin, huma.Operation{OperationID: "download-backup", Method: http.MethodGet, Path: "/backup", Tags: tags,
		Summary: "Download a backup of the store as it is now",
		Description: "A tar archive for `dialtree restore`. It holds the key of the stored secrets: keep it as you keep passwords. " +
			"The store's directory needs room for it while it is sent.",
		Metadata: map[string]any{streams: true},
		Responses: map[string]*huma.Response{"200": {Description: "The backup",
			Content: map[string]*huma.MediaType{"application/x-tar": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}}},
		func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) { return s.backupDownload(ctx) })
}

func (s *Server) storeFigures() (StoreFigures, error) {
	st := s.options.Store
	f := StoreFigures{Dir: st.Dir(), Change: st.Seq(), Entries: entryCounts(st), Objects: map[string]int{}}
	for _, kind := range store.ObjectKinds() {
		objects, err := st.Objects(kind)
		if err != nil {
			return f, err
		}
		f.Objects[string(kind)] = len(objects)
	}
	files, err := os.ReadDir(st.Dir())
	if err != nil {
		return f, fmt.Errorf("read the store's directory: %w", err)
	}
	for _, file := range files {
		if info, err := file.Info(); err == nil && info.Mode().IsRegular() {
			f.Bytes += info.Size()
		}
	}
	free, _, err := diskSpace(st.Dir())
	if err != nil {
		return f, fmt.Errorf("look for free room in %s: %w", st.Dir(), err)
	}
	f.DiskFree = free
	f.LastBackup = s.marks.get().LastBackup
	return f, nil
}

// backupDownload makes a backup in the store's directory, so that the store is not held open for as long as a slow
// client reads, and sends it. The file has no name any more by then.
func (s *Server) backupDownload(ctx context.Context) (*huma.StreamResponse, error) {
	dir, err := os.MkdirTemp(s.options.Store.Dir(), downloads)
	if err != nil {
		return nil, fmt.Errorf("make room for a backup: %w", err)
	}
	defer os.RemoveAll(dir)
	info, err := s.options.Store.Backup(ctx, filepath.Join(dir, "backup"))
	if err != nil {
		return nil, err
	}
	f, err := os.Open(info.Path)
	if err != nil {
		return nil, fmt.Errorf("read the backup: %w", err)
	}
	name := "dialtree-" + time.Now().Format(time.DateOnly) + ".backup"
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer f.Close()
		hc.SetHeader("Content-Type", "application/x-tar")
		hc.SetHeader("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
		hc.SetHeader("Content-Length", strconv.FormatInt(info.Bytes, 10))
		hc.SetHeader("X-Content-Type-Options", "nosniff")
		hc.SetStatus(http.StatusOK)
		if err := sendPieces(hc.BodyWriter(), f); err != nil {
			s.log.Warn("a backup was not downloaded to its end", "error", err)
			return
		}
		s.backedUp()
		s.log.Info("backup downloaded", "bytes", info.Bytes)
	}}, nil
}

// sendPieces copies with a deadline for each piece: a backup of any size may be sent, and a client that
// stops reading does not hold it.
func sendPieces(w io.Writer, r io.Reader) error {
	answer, _ := w.(http.ResponseWriter)
	for {
		if answer != nil {
			// A client of the same process has no deadlines; it ends with its context.
			_ = http.NewResponseController(answer).SetWriteDeadline(time.Now().Add(sendTimeout))
		}
		switch _, err := io.CopyN(w, r, sendPiece); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// removeDownloads removes what a server that was killed left.
func (s *Server) removeDownloads() {
	left, _ := filepath.Glob(filepath.Join(s.options.Store.Dir(), downloads)) // the pattern is sound
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			s.log.Warn("a half-made backup could not be removed: remove it by hand, it holds the key of the secrets", "path", dir, "error", err)
		}
	}
}
