package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
	"github.com/dialtree/dialtree/store"
)

func newBackupCommand(e *env) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a backup of the running server's store",
		Long: `Backup makes the server write everything it knows, as of one moment, to a file, while
it goes on serving. The file gets its name when all of it is on the disk. It holds the
key of the stored secrets: keep it as you keep passwords. "-" writes it to standard
output instead.`,
		Example: `  dialtree backup /var/backups/dialtree-$(date +%F).backup
  dialtree backup - | ssh vault 'cat > dialtree.backup'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "-" {
				return backupToStdout(c, e)
			}
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			backup, err := client.Backup(c.Context(), path)
			if err != nil {
				return err
			}
			if isData(output) {
				return writeData(e.stdout, output, backup)
			}
			fmt.Fprintf(e.stdout, "wrote %s (%d bytes)\n", args[0], backup.Bytes)
			return nil
		},
	}
	outputFlag(c, &output, "text", "json", "yaml")
	return c
}

func backupToStdout(c *cobra.Command, e *env) error {
	if e.terminal() != (terminal.Terminal{}) {
		return usagef(c, "a terminal cannot show a backup: name a file, or pass it on with |")
	}
	client, err := e.client()
	if err != nil {
		return err
	}
	download, err := client.BackupFile(c.Context())
	if err != nil {
		return err
	}
	return e.receive(download, "-")
}

func newRestoreCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the store; the server must not run",
		Long: `Restore unpacks and checks a backup before it replaces anything. The store that was
there stays beside the new one, with the ending .before-restore. An interrupted restore
has not happened, or is finished by the next start.

Where nodes share their content, this mends one node, which catches up with the others when
it starts. To go back to a backup with all of them: ` + "`dialtree cluster init --replace`" + `
before the start.`,
		Example: "  dialtree restore /var/backups/dialtree-2026-11-01.backup --data-dir /var/lib/dialtree",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := e.directory()
			if err != nil {
				return err
			}
			if err := refuseRunning(c.Context(), dir); err != nil {
				return err
			}
			info, err := store.Restore(c.Context(), dir, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "restored %s into %s: %s, %s, %s\n", args[0], dir,
				count(info.Counts.Users, "user"), count(info.Counts.Contacts, "contact"), count(info.Counts.SpeedDials, "speed dial"))
			if info.Previous != "" {
				fmt.Fprintf(e.stdout, "what was there before is now %s\n", info.Previous)
			}
			return tellMember(c.Context(), e, dir)
		},
	}
}

// tellMember says what becomes of what was restored where its store shares its content.
func tellMember(ctx context.Context, e *env, dir string) error {
	st, err := store.Open(ctx, store.Options{Dir: dir, ReadOnly: true})
	if err != nil {
		return err
	}
	defer st.Close()
	m := st.Membership()
	if m.Cluster == "" {
		return nil
	}
	_, err = fmt.Fprintf(e.stdout, `this is a node of cluster %s, as of change %d: when it starts it takes over what the cluster has now
to give all nodes the content of this backup instead: dialtree cluster init --replace
`, m.Cluster, m.Index)
	return err
}
