package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/store"
)

// A run goes on where it was started. The other nodes are told of it once a second while it does, so that whoever looks at another one sees it, can follow it and
// can end it there. What somebody uploads for an import by hand stays on the node that got it: nothing but that node's run needs it, and a file
// of persons is not spread over the nodes for that. So such an import can be confirmed only where its file was shown.

const (
	// publishEvery is how often the others are told how far the runs are, and how often whoever follows one of them is.
	publishEvery = time.Second
	// maxPublished bounds what is told of a job, in bytes.
	maxPublished = 256 << 10
)

// A peerJob is what is told of a job.
type peerJob struct {
	Needs access.Scope `json:"needs"` // to cancel it
	Job   Job          `json:"job"`   // without the changes of its report: they are in the store
}

// encode writes what is told of a job.
func (j *peerJob) encode() ([]byte, error) {
	told := *j
	if told.Job.Report != nil {
		report := *told.Job.Report
		report.Changes = nil
		told.Job.Report = &report
	}
	text, err := json.Marshal(&told)
	if err == nil && len(text) > maxPublished && told.Job.Report != nil { // a source that has much to say
		told.Job.Report.Notes, told.Job.Report.Run.Rejects = nil, nil
		text, err = json.Marshal(&told)
	}
	return text, err
}

// decodePeerJob reads what another node told of a job.
func decodePeerJob(p PublishedJob) (*peerJob, bool) {
	j := &peerJob{}
	if err := json.Unmarshal(p.Data, j); err != nil || j.Job.ID != p.ID || p.ID == "" {
		return nil, false
	}
	j.Job.Node = p.Node
	if j.Job.Done && j.Job.Report == nil && j.Job.Problem == nil {
		return nil, false
	}
	return j, true
}

// keepPeers tells the other nodes of the jobs here until ctx ends.
func (s *Server) keepPeers(ctx context.Context) {
	if s.options.Peers == nil {
		return
	}
	told := map[string][]byte{}
	t := time.NewTicker(publishEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.publishJobs(told)
		}
	}
}

// publishJobs tells the others what is new about the jobs here. told is what they know of each that is under way, and nil of one that has ended.
func (s *Server) publishJobs(told map[string][]byte) {
	here := map[string]bool{}
	for _, j := range s.jobs.list() {
		shown := j.shown()
		here[shown.ID] = true
		before, known := told[shown.ID]
		if known && before == nil {
			continue
		}
		text, err := (&peerJob{Needs: j.needs, Job: shown}).encode()
		switch {
		case err != nil:
			s.log.Error("job cannot be told to the other nodes", "job", shown.ID, "error", err)
		case shown.Done:
			s.options.Peers.EndJob(shown.ID, text)
			told[shown.ID] = nil
		case !bytes.Equal(before, text):
			s.options.Peers.PublishJob(shown.ID, text)
			told[shown.ID] = text
		}
	}
	maps.DeleteFunc(told, func(id string, _ []byte) bool { return !here[id] })
}

// cancelFor ends a job because somebody asked for it at another node, which has looked whether he may.
func (s *Server) cancelFor(id, by string) {
	if j, err := s.jobs.find(id); err == nil && !j.isOver() {
		j.cancel(cancelledBy(by))
	}
}

func cancelledBy(who string) *Problem {
	return newProblem(http.StatusConflict, fmt.Sprintf("cancelled by %s", who))
}

// peerJobs are the jobs of the other nodes.
func (s *Server) peerJobs() []*peerJob {
	if s.options.Peers == nil {
		return nil
	}
	var all []*peerJob
	for _, p := range s.options.Peers.Jobs() {
		j, ok := decodePeerJob(p)
		if !ok {
			s.log.Debug("a job of another node cannot be read", "node", p.Node)
			continue // that of a newer program
		}
		all = append(all, j)
	}
	return all
}

// peerJob returns a job of another node, or a *store.NotFoundError.
func (s *Server) peerJob(id string) (*peerJob, error) {
	for _, j := range s.peerJobs() {
		if j.Job.ID == id {
			return j, nil
		}
	}
	return nil, &store.NotFoundError{What: "job " + id}
}

// shownHere is a job of this node.
func (s *Server) shownHere(j *job) Job {
	shown := j.shown()
	if s.options.Peers != nil {
		shown.Node = s.options.Peers.Node()
	}
	return shown
}

// job returns a job of any node with its report, or a *store.NotFoundError.
func (s *Server) job(ctx context.Context, id string) (*Job, error) {
	if j, err := s.jobs.find(id); err == nil {
		shown := s.shownHere(j)
		return &shown, nil
	}
	j, err := s.peerJob(id)
	if err != nil {
		return nil, err
	}
	j.Job.Report = s.withChanges(ctx, j.Job.Report)
	return &j.Job, nil
}

// runningJob returns the run of a connector that is under way, at any node; nil for none.
func (s *Server) runningJob(connector string) *Job {
	for _, j := range s.jobs.list() {
		if j.describe.Connector == connector && !j.isOver() {
			shown := s.shownHere(j)
			return &shown
		}
	}
	for _, j := range s.peerJobs() {
		if j.Job.Connector == connector && !j.Job.Done {
			return &j.Job
		}
	}
	return nil
}

// withChanges gives the report of another node's job the changes that it was told without: those of a plan and of a recorded run are in the store, of
// which this node has its own. It leaves the report as it is where they are not: this node may be behind, or it was the simulation of a file.
func (s *Server) withChanges(ctx context.Context, told *Report) *Report {
	if told == nil {
		return nil
	}
	report := *told
	if report.DryRun || report.Run.Result == store.RunStopped {
		plan, ok, err := s.options.Syncer.Plan(report.Run.Connector)
		if err == nil && ok && plan.Run.PlanDigest == report.Run.PlanDigest {
			report.Changes, report.More = plan.Changes, plan.More
		}
		return &report
	}
	if report.Run.ID != "" {
		if detail, err := s.options.Syncer.Detail(ctx, report.Run.ID); err == nil {
			report.Changes, report.More = detail.Changes, detail.More
		}
	}
	return &report
}

// watchPeer tells of another node's job until it has ended or ctx has.
func (s *Server) watchPeer(ctx context.Context, id string, e *events) {
	defer e.close()
	again, alive := time.NewTicker(publishEvery), time.NewTicker(keepAliveEvery)
	defer again.Stop()
	defer alive.Stop()
	var last Progress
	for {
		j, err := s.peerJob(id)
		if err != nil {
			e.send(eventProblem, newProblem(http.StatusNotFound, "the node that had this job no longer tells of it: look at the connector's history"))
			return
		}
		if p := j.Job.Progress; p != last && p.Phase != "" {
			e.progress(p)
			last = p
		}
		switch {
		case j.Job.Problem != nil:
			e.send(eventProblem, j.Job.Problem)
			return
		case j.Job.Done:
			e.send(eventReport, s.withChanges(ctx, j.Job.Report))
			return
		}
		select {
		case <-again.C:
		case <-alive.C:
			e.comment()
		case <-s.stopping.Done():
			e.send(eventProblem, errStopping)
			return
		case <-ctx.Done():
			return
		}
	}
}

// cancelPeer asks another node to end a job.
func (s *Server) cancelPeer(ctx context.Context, who *access.Identity, id string) error {
	j, err := s.peerJob(id)
	if err != nil {
		return err
	}
	if problem := refusal(who, j.Needs); problem != nil {
		return problem
	}
	if j.Job.Done {
		return errEnded()
	}
	return s.options.Peers.CancelJob(ctx, id, who.Name)
}

func errEnded() *Problem {
	return newProblem(http.StatusConflict, "the run has ended: there is nothing to cancel")
}

// listJobs leaves the changes out: fifty reports of 500 are 7 MB.
func (s *Server) listJobs() []Job {
	list := []Job{}
	for _, j := range s.jobs.list() {
		shown := s.shownHere(j)
		if shown.Report != nil {
			report := *shown.Report
			report.Changes = nil
			shown.Report = &report
		}
		list = append(list, shown)
	}
	peers := s.peerJobs()
	if len(peers) == 0 {
		return list
	}
	for _, j := range peers {
		list = append(list, j.Job)
	}
	slices.SortStableFunc(list, func(a, b Job) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}
