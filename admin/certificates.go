package admin

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dialtree/dialtree/store"
)

// maxCertificateFile is room for every authority there is.
const maxCertificateFile = 4 << 20

// shownAuthorities bounds how many certificates of one file of authorities are told: a system's
// bundle holds some 150.
const shownAuthorities = 200

// certificates reads all certificates that this server shows or trusts from their files.
func (s *Server) certificates() ([]Certificate, error) {
	list := []Certificate{}
	for _, f := range s.system.Certificates() {
		list = append(list, readCertificates(f, 1)...)
	}
	trusted, err := s.trustedFiles()
	if err != nil {
		return nil, err
	}
	for _, f := range trusted {
		list = append(list, readCertificates(f, shownAuthorities)...)
	}
	return list, nil
}

// trustedFiles returns the files of authorities that objects name.
func (s *Server) trustedFiles() ([]CertificateFile, error) {
	var list []CertificateFile
	for _, kind := range []store.ObjectKind{store.ObjectUpstream, store.ObjectConnector} {
		objects, err := s.options.Store.Objects(kind)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			if file := tlsOf(o).CAFile; file != "" {
				list = append(list, CertificateFile{Use: string(kind) + "/" + o.ObjectName(), File: s.system.DataPath(file)})
			}
		}
	}
	return list, nil
}

// tlsOf returns how an object's connections are protected.
func tlsOf(o store.Object) store.TLS {
	switch o := o.(type) {
	case *store.Upstream:
		return o.TLS
	case *store.Connector:
		switch s := o.Source; {
		case s.CSV != nil:
			return s.CSV.TLS
		case s.XLSX != nil:
			return s.XLSX.TLS
		case s.LDAP != nil:
			return s.LDAP.TLS
		case s.AD != nil:
			return s.AD.TLS
		case s.UCS != nil:
			return s.UCS.TLS
		case s.REST != nil:
			return s.REST.TLS
		}
	}
	return store.TLS{}
}

// readCertificates reads the first certificates of a file. A file that cannot be read is one with an Error.
func readCertificates(f CertificateFile, limit int) []Certificate {
	unusable := func(err error) []Certificate {
		return []Certificate{{Use: f.Use, File: f.File, Names: []string{}, Error: err.Error()}}
	}
	text, err := readFile(f.File, maxCertificateFile)
	if err != nil {
		return unusable(err)
	}
	var list []Certificate
	for len(list) < limit {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return unusable(fmt.Errorf("certificate %d of the file cannot be read: %w", len(list)+1, err))
		}
		list = append(list, shownCertificate(f, c))
	}
	if len(list) == 0 {
		return unusable(errors.New("holds no certificate: it must be PEM (-----BEGIN CERTIFICATE-----)"))
	}
	return list
}

func shownCertificate(f CertificateFile, c *x509.Certificate) Certificate {
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return Certificate{
		Use: f.Use, File: f.File,
		Subject: c.Subject.String(), Names: names, Issuer: c.Issuer.String(),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		Pin: "sha256/" + base64.StdEncoding.EncodeToString(sum[:]),
	}
}

// readFile reads a file up to a size.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return text, err
}

// own tells whether the server shows the certificate, rather than trusts it.
func (c *Certificate) own() bool { return !strings.Contains(c.Use, "/") }

// expiries returns one certificate for each use: the server's own, and of the authorities of a
// file the one that is good for longest, since an old one among them does no harm.
func expiries(list []Certificate) []Certificate {
	var out []Certificate
	for _, c := range list {
		if c.Error != "" {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Use == c.Use {
			if c.NotAfter.After(out[n-1].NotAfter) {
				out[n-1] = c
			}
			continue
		}
		out = append(out, c)
	}
	return out
}
