package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
)

func newWatchCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "watch [NAME|JOB]",
		Short: "Follow a run in the background of the server to its end",
		Long: `Watch follows the run of a connector that is under way, or a job by its ID, whoever
started it; without an argument the only one that is under way. One that has ended lately
is told at once. Ctrl-C ends watching, and leaves the run alone: ` + "`dialtree job cancel`" + `
ends it. The exit code is that of the run.`,
		Example: `  dialtree connector watch
  dialtree connector watch staff`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFirst(e, watchedNames),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			jobs, err := client.Jobs(c.Context())
			if err != nil {
				return err
			}
			job, err := chooseJob(jobs, args)
			if err != nil {
				return err
			}
			return follow(c.Context(), e, client, job, output)
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

// chooseJob returns the job that the arguments mean. jobs are the last one first.
func chooseJob(jobs []admin.Job, args []string) (*admin.Job, error) {
	var under []*admin.Job
	for i := range jobs {
		job := &jobs[i]
		if len(args) == 1 && (job.ID == args[0] || job.Connector == args[0]) {
			return job, nil
		}
		if !job.Done {
			under = append(under, job)
		}
	}
	switch {
	case len(args) == 1:
		return nil, fmt.Errorf("nothing of %s runs or ended lately: `dialtree job list` lists what did, `dialtree connector history %s` what was before", args[0], args[0])
	case len(under) == 1:
		return under[0], nil
	case len(under) == 0:
		return nil, errors.New("nothing runs: `dialtree connector run NAME --watch` starts a run")
	}
	return nil, errors.New("several runs are under way: name one of those that `dialtree job list` lists")
}

// jobToWatch starts a run, or returns the one of the connector that is under way and does the same.
func jobToWatch(ctx context.Context, e *env, client *admin.Client, connector string, o admin.ImportOptions) (*admin.Job, error) {
	jobs, err := client.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	for i, job := range jobs {
		if job.Connector == connector && !job.Done && job.DryRun == o.DryRun && !o.Confirm {
			fmt.Fprintf(e.stderr, "dialtree: %s runs since %s, started by %s: following that run\n", connector, job.Started.Local().Format(time.TimeOnly), job.By)
			return &jobs[i], nil
		}
	}
	return client.StartRun(ctx, connector, o)
}

// follow shows a job's progress and tells its end.
func follow(ctx context.Context, e *env, client *admin.Client, job *admin.Job, output string) error {
	bar := newProgress(e)
	report, err := client.Watch(ctx, job.ID, bar.show)
	bar.clear()
	if ctx.Err() != nil {
		fmt.Fprintf(e.stderr, "dialtree: %s goes on as job %s: `dialtree connector watch %s` follows it, `dialtree job cancel %s` ends it\n", job.Connector, job.ID, job.ID, job.ID)
		return errFailed
	}
	var problem *admin.Problem
	if errors.As(err, &problem) && problem.Status == http.StatusNotFound {
		return fmt.Errorf("job %s is no longer known: `dialtree connector history %s` tells what became of it", job.ID, job.Connector)
	}
	if err != nil {
		return err
	}
	return finishRun(e, output, report)
}

// writeStarted prints the ID of a job that began.
func writeStarted(e *env, output string, job *admin.Job) error {
	if isData(output) {
		return writeData(e.stdout, output, job)
	}
	_, err := fmt.Fprintln(e.stdout, job.ID)
	return err
}

// watchedNames returns the jobs that run, and the connectors.
func watchedNames(ctx context.Context, client *admin.Client, args []string, begin string) ([]string, error) {
	jobs, err := jobNames(ctx, client, args, begin)
	if err != nil {
		return nil, err
	}
	connectors, err := connectorNames(ctx, client, args, begin)
	return append(jobs, connectors...), err
}
