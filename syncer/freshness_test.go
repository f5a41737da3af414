package syncer_test

import (
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

func TestDueBy(t *testing.T) {
	friday := time.Date(2026, 11, 20, 6, 0, 30, 0, time.UTC)
	for _, tt := range []struct {
		name      string
		connector store.Connector
		want      time.Duration // after Friday at six; 0: never
	}{
		{"by hand only", store.Connector{}, 0},
		{"every half hour: twice", store.Connector{Schedule: "@every 30m"}, time.Hour + 30*time.Second},
		{"daily: 26 hours", store.Connector{Schedule: "0 6 * * *", Timezone: "UTC"}, 26 * time.Hour},
		{"on weekdays: Monday", store.Connector{Schedule: "0 6 * * 1-5", Timezone: "UTC"}, 74 * time.Hour},
		{"with jitter", store.Connector{Schedule: "0 6 * * *", Timezone: "UTC", Jitter: store.Duration(time.Hour)}, 27 * time.Hour},
		{"not understood", store.Connector{Schedule: "sometimes"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			by, ok := syncer.DueBy(&tt.connector, friday)
			if ok != (tt.want > 0) {
				t.Fatalf("due by %v, %v", by, ok)
			}
			if want := friday.Truncate(time.Minute).Add(tt.want); ok && !by.Equal(want) {
				t.Errorf("due by %v, want %v", by.UTC(), want)
			}
		})
	}
}
