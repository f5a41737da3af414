package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

// backupsOf are the backups that the server writes by itself.
func backupsOf(c *config.Config) admin.Backups {
	return admin.Backups{Dir: c.Backup.Dir, Keep: c.Backup.Keep, Next: func(after time.Time) (time.Time, error) {
		return syncer.NextTime(c.Backup.Schedule, after)
	}}
}

// checkBackups finds the mistakes in their configuration that package config, which knows no schedules, does not.
func checkBackups(c *config.Config) error {
	if c.Backup.Dir == "" {
		return nil
	}
	const key = "backup.schedule"
	_, err := syncer.NextTime(c.Backup.Schedule, time.Now())
	wrong := (*store.FieldError)(nil)
	if !errors.As(err, &wrong) {
		return err
	}
	return yamldoc.Problems{{File: c.Origins[key].Where, Path: key, Message: wrong.Message}}
}

// withBackup adds to the error of a store that cannot be used which backup to restore, where the server wrote some.
func withBackup(ctx context.Context, c *config.Config, err error) error {
	damage, lost := (*store.CorruptError)(nil), (*store.LostKeyError)(nil)
	if c.Backup.Dir == "" || !errors.As(err, &damage) && !errors.As(err, &lost) {
		return err
	}
	newest := admin.NewestGoodBackup(ctx, c.Backup.Dir)
	if newest == "" {
		return fmt.Errorf("%w\nthere is no good backup in %s", err, c.Backup.Dir)
	}
	return fmt.Errorf("%w\nthe newest good backup is this one:\n  dialtree restore %s --data-dir %s", err, newest, c.DataDir)
}
