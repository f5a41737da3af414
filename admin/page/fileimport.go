package page

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/dialtree/dialtree/admin"
)

func (p *Page) importRoutes() {
	p.handle("GET /phonebooks/import", func(r *request) error { return r.importForm(r.FormValue("to"), nil) })
	p.handle("POST /phonebooks/import", (*request).startImport)
	p.handle("GET /phonebooks/import/{job}", (*request).importJob)
	p.handle("POST /phonebooks/import/{job}/confirm", (*request).confirmImport)
}

type importData struct {
	To      string
	Targets []option
	Problem *admin.Problem
}

func (r *request) importForm(to string, problem *admin.Problem) error {
	data := importData{To: to, Problem: problem}
	books, err := listOf[phonebookDocument](r, kindPhonebook)
	if err != nil {
		return err
	}
	for _, b := range books {
		data.Targets = append(data.Targets, named("phonebook/"+b.Name, b.Shown()))
	}
	data.Targets = append(data.Targets, option{Value: "speeddials", Label: text("Speed dials")})
	if r.who.May("users") {
		data.Targets = append(data.Targets, option{Value: "users", Label: text("Users")})
	}
	status := http.StatusOK
	if problem != nil {
		status = problem.Status
	}
	r.renderView(status, "import", &view{Title: text("Import a file"), Data: data})
	return nil
}

// What the page has against an upload.
const (
	noFile    = text("Choose a file first: CSV or xlsx.")
	largeFile = text("The file is larger than 32 MiB: import it with a connector.")
	fileGone  = text("The file is no longer at hand: choose it again.")
)

func (r *request) startImport() error {
	// In memory: a file that lies about on the disk would need somebody who removes it.
	err := r.ParseMultipartForm(admin.MaxImport + maxForm)
	var file multipart.File
	var header *multipart.FileHeader
	if err == nil {
		file, header, err = r.FormFile("file")
	}
	if err != nil {
		detail := noFile
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			detail = largeFile
		}
		return r.importForm(r.FormValue("to"), &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: string(detail)})
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, admin.MaxImport+1))
	switch {
	case err != nil:
		return err
	case len(content) > admin.MaxImport:
		return r.importForm(r.FormValue("to"), &admin.Problem{Status: http.StatusRequestEntityTooLarge, Detail: string(largeFile)})
	}
	upload := admin.HandFile{Name: header.Filename, Content: content, Target: r.FormValue("to")}
	dryRun := r.FormValue("dry_run") != ""
	job, err := r.page.api.StartImport(r.Context(), upload, admin.ImportOptions{DryRun: dryRun})
	if problem, ok := problemOf(err); ok {
		return r.importForm(upload.Target, problem)
	}
	if err != nil {
		return err
	}
	r.page.uploads.keep(job.ID, r.who.Session, upload, r.page.now())
	return r.redirect("/phonebooks/import/"+url.PathEscape(job.ID), "")
}

type importJobData struct {
	Job    *admin.Job
	Plan   *planView // when it is done
	File   string    // empty: it is no longer at hand
	Target string
	There  string // the other node that has the file, where one does
}

// Confirmable tells whether the file can be imported as it was shown, once it is at hand.
func (d importJobData) Confirmable() bool {
	report := d.Job.Report
	return report != nil && (d.Job.DryRun || report.Run.Result == "stopped")
}

func (r *request) importJob() error {
	job, err := r.page.api.Job(r.Context(), r.PathValue("job"))
	if isGone(err) {
		return r.importForm("", &admin.Problem{Status: http.StatusNotFound, Detail: string(jobGone)})
	}
	if err != nil {
		return err
	}
	data := importJobData{Job: job}
	if job.Node != r.standing.Node {
		data.There = job.Node
	}
	if job.Report != nil {
		data.Plan = r.planOf(job.Report)
	}
	if upload, ok := r.page.uploads.get(job.ID, r.who.Session, r.page.now()); ok {
		data.File, data.Target = upload.Name, upload.Target
	}
	return r.show("import-job", text("Import a file"), data)
}

// confirmImport imports what a simulation showed: the same bytes, kept since.
func (r *request) confirmImport() error {
	upload, ok := r.page.uploads.get(r.PathValue("job"), r.who.Session, r.page.now())
	if !ok {
		return r.importForm("", &admin.Problem{Status: http.StatusConflict, Detail: string(fileGone)})
	}
	job, err := r.page.api.StartImport(r.Context(), upload, admin.ImportOptions{Confirm: true})
	if problem, ok := problemOf(err); ok {
		return r.importForm(upload.Target, problem)
	}
	if err != nil {
		return err
	}
	r.page.uploads.keep(job.ID, r.who.Session, upload, r.page.now())
	return r.redirect("/phonebooks/import/"+url.PathEscape(job.ID), "")
}

const (
	maxUploads  = 4
	uploadsKept = 15 * time.Minute
)

// uploads are files between their simulation and their import, a few and for a few minutes. Who comes
// later, or to another server, is asked for the file again.
type uploads struct {
	mu   sync.Mutex // guards kept
	kept []upload   // the oldest first
}

type upload struct {
	job, session string
	file         admin.HandFile
	at           time.Time
}

func (u *uploads) keep(job, session string, file admin.HandFile, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.kept = append(u.kept, upload{job, session, file, now})
	u.drop(now)
	// Else the last files would lie in memory until somebody imports the next one.
	time.AfterFunc(uploadsKept+time.Second, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.drop(now.Add(uploadsKept + time.Second))
	})
}

// drop forgets what is too old, and what is too many. mu is held.
func (u *uploads) drop(now time.Time) {
	for len(u.kept) > maxUploads || len(u.kept) > 0 && now.Sub(u.kept[0].at) > uploadsKept {
		u.kept[0] = upload{} // the array keeps nothing of it
		u.kept = u.kept[1:]
	}
}

// get returns the file of a job that the same session started.
func (u *uploads) get(job, session string, now time.Time) (admin.HandFile, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, k := range u.kept {
		if k.job == job && k.session == session && now.Sub(k.at) <= uploadsKept {
			return k.file, true
		}
	}
	return admin.HandFile{}, false
}
