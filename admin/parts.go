package admin

import (
	"context"
	"net/netip"
	"time"

	"github.com/dialtree/dialtree/admin/phonesettings"
	"github.com/dialtree/dialtree/store"
)

// A Syncer runs connectors. Its methods may be called concurrently.
type Syncer interface {
	Runs
	// Check finds what is wrong with a connector without touching its source. Its
	// errors are of the type *store.FieldError.
	Check(*store.Connector) error
	// Upstream returns an upstream for the users of a connector, at the directory that they
	// come from. Its errors are of the type *store.FieldError.
	Upstream(*store.Connector) (*store.Upstream, error)
	// Import runs a connector. An error means that no run was recorded; a run that
	// failed is told by its Result and Error.
	Import(ctx context.Context, connector string, o ImportOptions) (*Report, error)
	// ImportFile imports a file once, as a run of store.HandImports. A wrong target is a *store.FieldError.
	ImportFile(ctx context.Context, f HandFile, o ImportOptions) (*Report, error)
	// Undo puts back what a run changed; by is who asked for it.
	Undo(ctx context.Context, run, by string) (*Report, error)
	// Preview shows what the first records of a connector's source become. What is wrong with
	// the source is told by the preview's Error.
	Preview(ctx context.Context, connector string, records int) (*Preview, error)
	// Next returns when a connector runs by itself next; false when it does not.
	Next(connector string) (time.Time, bool)
	Templates() []Template
	// NewConnector returns commented YAML for Apply.
	NewConnector(template, name string) (string, error)
}

// ImportOptions say how a connector is run.
type ImportOptions struct {
	DryRun   bool
	Confirm  bool           // go on although the guard stopped the run before
	By       string         // who starts the run; the server sets it
	Progress func(Progress) // may be nil; called from one goroutine at a time
}

// A HandFile is a file to be imported once.
type HandFile struct {
	Name    string // for messages
	Content []byte // CSV or xlsx
	Target  string // users, phonebook/NAME or speeddials
}

// Progress is where a run is.
type Progress struct {
	Phase string `json:"phase"` // fetch, plan or apply
	Done  int    `json:"done"`
	Total int    `json:"total"` // 0 while it is unknown
}

// A Report is what a run did, or would do.
type Report struct {
	Run     store.Run       `json:"run"`
	DryRun  bool            `json:"dry_run"`
	Changes []PlannedChange `json:"changes,omitempty"` // the first 500
	More    bool            `json:"more,omitempty" doc:"There are more changes"`
	Notes   []string        `json:"notes,omitempty"`
}

// A PlannedChange is what a run does to one entry.
type PlannedChange struct {
	Change string        `json:"change"` // create, update, remove or reject
	Name   string        `json:"name"`
	ID     string        `json:"id,omitempty"`
	Row    int           `json:"row,omitempty"` // in the source, from 1
	Column string        `json:"column,omitempty"`
	Reason string        `json:"reason,omitempty"`
	Fields []FieldChange `json:"fields,omitempty"`
}

// A FieldChange is a field before and after.
type FieldChange struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// A Preview is the first records of a source beside what they become.
type Preview struct {
	Records []PreviewedRecord `json:"records"`
	Notes   []string          `json:"notes,omitempty"`
	Error   string            `json:"error,omitempty" doc:"What is wrong with the source or the connector; empty for nothing"`
}

// A PreviewedRecord is a record and what becomes of it.
type PreviewedRecord struct {
	Row     int           `json:"row"`
	Source  []NamedValues `json:"source"`
	Entry   []NamedValues `json:"entry,omitempty"`
	LeftOut bool          `json:"left_out,omitempty" doc:"By the filter"`
	Column  string        `json:"column,omitempty"`
	Reason  string        `json:"reason,omitempty" doc:"Why it is rejected"`
	Notes   []string      `json:"notes,omitempty" doc:"What is odd about it, such as a number that cannot be dialled"`
}

// NamedValues are the values of a column or a field.
type NamedValues struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// A Template is a prefilled connector.
type Template struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Help   string `json:"help"`
	YAML   string `json:"yaml"`
	Source string `json:"source" doc:"The key of the source: csv, ldap, ad, ucs or rest"`
	Target string `json:"target" enum:"users,phonebook,speeddials"`
	Key    string `json:"key,omitempty" doc:"The column that identifies a record; empty: it is made from names and numbers"`
	Filter string `json:"filter,omitempty" doc:"Of a directory: the LDAP filter"`
	// Variables are all fields of the target, in the order of the field table.
	Variables []TemplateVariable `json:"variables"`
}

// A TemplateVariable is a field and what a template fills it from.
type TemplateVariable struct {
	Field      string `json:"field"`
	Expression string `json:"expression,omitempty" doc:"Empty: the template leaves the field empty"`
}

// Logins tries logins and makes password hashes.
type Logins interface {
	// TestLogin does what a bind does and tells each step. It never returns the password.
	TestLogin(ctx context.Context, login string, password []byte, by Tester) LoginTest
	// HashPassword returns the stored form of an internal password: current, when that is
	// the password's already. An error that is a *store.FieldError says what is wrong with
	// the password.
	HashPassword(ctx context.Context, password []byte, current store.Secret) (store.Secret, error)
}

// A Tester is the administrator who tries a login.
type Tester struct {
	Name    string
	Address netip.Addr // invalid for the unix socket
}

// A LoginTest is how a login went.
type LoginTest struct {
	Login      string `json:"login"`
	Outcome    string `json:"outcome"` // as in the metric: accepted, refused, unknown_user, …
	ResultCode int    `json:"result_code"`
	ResultName string `json:"result_name"`
	// Reason is why a login was refused, where more is known than that the password is wrong.
	Reason string      `json:"reason,omitempty" doc:"Why it was refused: ad_525, ad_52e, ad_530, ad_531, ad_532, ad_533, ad_701, ad_773, ad_775 (Active Directory), locked, password_expired, password_must_change, no_such_entry, bad_name, empty_password; absent where no more is known"`
	Steps  []LoginStep `json:"steps"`
}

// A LoginStep is one step of a login.
type LoginStep struct {
	Name     string        `json:"name"`
	Detail   string        `json:"detail"`
	OK       bool          `json:"ok"`
	Duration time.Duration `json:"-"`
}

// Upstreams knows the upstream directories.
type Upstreams interface {
	UpstreamTester
	// Check finds what is wrong with an upstream without touching the network, such as a
	// file that it names and that is not there. A *store.FieldError says which key.
	Check(*store.Upstream) error
	Health() []UpstreamHealth
}

// UpstreamHealth is the state of one upstream.
type UpstreamHealth struct {
	Name    string         `json:"name"`
	Servers []ServerHealth `json:"servers"`
}

// ServerHealth is the state of one server of an upstream.
type ServerHealth struct {
	URL              string     `json:"url"`
	Up               bool       `json:"up"`
	QuarantinedUntil *time.Time `json:"quarantined_until,omitempty"`
	LastError        string     `json:"last_error,omitempty"`
}

// A Front is where clients of LDAP find the server, and what it calls things.
type Front struct {
	// Listeners returns the addresses that are listened on. It is asked each time: a
	// port that the system chose is known late.
	Listeners  func() []phonesettings.Listener
	StartTLS   bool   // there is a certificate for it
	RequireTLS bool   // passwords are taken over TLS only
	BaseDN     string // of the whole tree
	UsersDN    string
	// PhonebookDN returns the DN of a phonebook, or of the branch that holds all of them
	// for no name.
	PhonebookDN func(name string) string
	DeviceDN    func(name string) string
}

// Version is what was built.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
}
