package rest

import (
	"fmt"
	"time"
)

// Limit takes lower limits than those of every list; 0: as it is.
func (s *Source) Limit(pages, records int, bytes int64, within time.Duration) {
	if pages > 0 {
		s.limits.pages = pages
	}
	if records > 0 {
		s.limits.records = records
	}
	if bytes > 0 {
		s.limits.bytes = bytes
	}
	if within > 0 {
		s.limits.time = within
	}
}

// Limits are those of the source.
func (s *Source) Limits() string {
	l := s.limits
	return fmt.Sprintf("%d pages, %d records, %d bytes, %s", l.pages, l.records, l.bytes, l.time)
}
