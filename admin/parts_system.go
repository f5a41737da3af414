package admin

import "time"

// A System is the process around the server. Its methods may be called concurrently.
type System interface {
	// Settings returns the configuration in force; no value of it is a secret.
	Settings() []Setting
	// Warnings returns what of the configuration works but should be thought about.
	Warnings() []Attention
	// Certificates returns the files of the certificates that the server shows, as they are in
	// force.
	Certificates() []CertificateFile
	// DataPath makes the path of a file that an object names absolute.
	DataPath(path string) string
	// DueBy returns when a connector whose last success was then must have succeeded again;
	// false where it has no schedule.
	DueBy(connector string, success time.Time) (time.Time, bool)
}

// A CertificateFile is the file of a certificate.
type CertificateFile struct {
	Use  string // as of a Certificate
	File string
}

// bareSystem is what there is without a System.
type bareSystem struct{}

func (bareSystem) Settings() []Setting             { return nil }
func (bareSystem) Warnings() []Attention           { return nil }
func (bareSystem) Certificates() []CertificateFile { return nil }
func (bareSystem) DataPath(path string) string     { return path }
func (bareSystem) DueBy(string, time.Time) (time.Time, bool) {
	return time.Time{}, false
}
