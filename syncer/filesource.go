package syncer

import (
	"errors"
	"path/filepath"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/csv"
	"github.com/dialtree/dialtree/syncer/source/file"
	"github.com/dialtree/dialtree/syncer/source/smb"
	"github.com/dialtree/dialtree/syncer/source/web"
	"github.com/dialtree/dialtree/syncer/source/xlsx"
)

// tableSource makes the source of a template that reads a table: a CSV file or a sheet.
func (s *Syncer) tableSource(c store.Source, j *job) (source.Source, error) {
	if x := c.XLSX; x != nil {
		f, err := s.fileOf("source.xlsx", x.Path, &x.Remote, xlsx.MaxFile)
		if err != nil {
			return nil, err
		}
		j.file = &fetchedFile{Opener: f}
		return xlsx.New(j.file, xlsx.Options{Sheet: x.Sheet, HeaderRow: x.HeaderRow, TempDir: s.baseDir}), nil
	}
	f, err := s.fileOf("source.csv", c.CSV.Path, &c.CSV.Remote, 0)
	if err != nil {
		return nil, err
	}
	j.file = &fetchedFile{Opener: f}
	src, err := csv.New(j.file, csv.Options{
		Encoding:      c.CSV.Encoding,
		Delimiter:     c.CSV.Delimiter,
		LineSeparator: c.CSV.LineSeparator,
		Enclosure:     c.CSV.Enclosure,
		NoHeader:      c.CSV.Header != nil && !*c.CSV.Header,
	})
	var wrong *csv.OptionError
	if errors.As(err, &wrong) {
		return nil, &store.FieldError{Path: "source.csv." + wrong.Option, Message: wrong.Message}
	}
	return src, err
}

// fileOf returns the file of a source; at is the source's path in the connector, limit that of the file in bytes.
func (s *Syncer) fileOf(at, path string, r *store.Remote, limit int64) (file.Opener, error) {
	place := file.Local(s.baseDir, filepath.FromSlash(path))
	switch {
	case r.Share != nil:
		server, share, _ := r.Share.Parts() // was validated
		place = smb.New(smb.Options{
			Server: server, Share: share, Path: path,
			Username: r.Share.Username, Domain: r.Share.Domain, Password: r.Share.Password.Resolve,
		})
	case r.URL != "":
		var err error
		place, err = web.New(web.Options{
			URL: r.URL, Username: r.Username, Password: r.Password.Resolve, Token: r.Token.Resolve,
			TLS: webTLS(r.TLS),
		})
		if err != nil {
			return nil, &store.FieldError{Path: at + ".url", Message: err.Error()}
		}
	}
	return file.Copied(place, file.Options{Dir: s.baseDir, Limit: limit, Timeout: time.Duration(r.Timeout)}), nil
}
