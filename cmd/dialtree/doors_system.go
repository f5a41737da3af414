package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/syncer"
)

// systemDoor shows the process to the admin side.
type systemDoor struct{ *node }

func (d systemDoor) Settings() []admin.Setting {
	var shown []admin.Setting
	for _, s := range d.inForce.Load().Settings() {
		shown = append(shown, admin.Setting{
			Key: s.Key, Value: s.Value, Default: s.Default, From: s.Origin.From, Where: s.Origin.Where, Reload: s.Reload, Help: s.Help,
		})
	}
	return shown
}

// Warnings tells those of the configuration that the server was started with, since what they are about needs a restart, and of
// certificates that could not be taken over.
func (d systemDoor) Warnings() []admin.Attention {
	var shown []admin.Attention
	for _, w := range d.config.Warnings {
		shown = append(shown, admin.Attention{Severity: "warning", Code: warningCode(w), Subject: w.Path,
			Text: fmt.Sprintf("%s: %s.", w.Path, w.Message)})
	}
	for _, c := range []*ownCertificate{d.ldapCertificate, d.adminCertificate} {
		if a := c.attention(); a != nil {
			shown = append(shown, *a)
		}
	}
	return shown
}

func warningCode(w *config.Warning) string {
	switch w.Path {
	case "admin.listen", "ldap.listen", "cluster.etcd.endpoints":
		return "no_tls"
	case "ldap.max_connections":
		return "few_descriptors"
	}
	return "open_to_all"
}

func (d systemDoor) Certificates() []admin.CertificateFile {
	c := d.inForce.Load()
	var files []admin.CertificateFile
	for _, f := range []admin.CertificateFile{{Use: "ldap", File: c.LDAP.CertFile}, {Use: "admin", File: c.Admin.CertFile}} {
		if f.File != "" {
			files = append(files, f)
		}
	}
	return files
}

func (d systemDoor) DataPath(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.config.DataDir, path)
}

func (d systemDoor) DueBy(connector string, success time.Time) (time.Time, bool) {
	c, err := d.store.Connector(connector)
	if err != nil {
		return time.Time{}, false
	}
	return syncer.DueBy(c, success)
}
