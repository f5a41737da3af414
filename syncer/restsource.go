package syncer

import (
	"errors"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/rest"
	"github.com/dialtree/dialtree/syncer/source/web"
)

// restSource makes the source of a template that reads a list of another PBX.
func (s *Syncer) restSource(r *store.RESTSource) (source.Source, error) {
	src, err := rest.New(rest.Options{
		URL: r.URL, Username: r.Username, Password: r.Password.Resolve, Token: r.Token.Resolve, TLS: webTLS(r.TLS),
		List: r.List, Total: r.Total, Next: r.Next, Timeout: time.Duration(r.Timeout), Dir: s.baseDir,
	})
	var wrong *rest.OptionError
	if errors.As(err, &wrong) {
		return nil, &store.FieldError{Path: "source.rest." + wrong.Option, Message: wrong.Message}
	}
	return src, err
}

func webTLS(t store.TLS) web.TLS {
	return web.TLS{CAFile: t.CAFile, ServerName: t.ServerName, PinnedKey: t.PinnedKey, InsecureSkipVerify: t.InsecureSkipVerify}
}
