package admin

import (
	"context"
	"time"
)

// OwnBackup writes a backup as one that is due.
func (s *Server) OwnBackup(ctx context.Context, now time.Time) bool { return s.ownBackup(ctx, now) }
