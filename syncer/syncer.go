package syncer

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// Options are what a Syncer needs.
type Options struct {
	Store      *store.Store          // required
	Logger     *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // nil: nothing is measured
	Now        func() time.Time      // nil: time.Now
	Numbers    Numbers               // zero: Germany's
	BaseDir    string                // what relative paths of sources are relative to; empty: the working directory
	// HashPassword makes the stored form of an internal password. It is called from as
	// many goroutines as there are cores. Nil: a source with passwords cannot be imported.
	HashPassword func(password string) (store.Secret, error)
	// Duty and Claims are what nodes that share the store's content agree by; nil: this one is alone.
	Duty   Duty
	Claims Claims
	// Observe is called when a run begins that nobody started but Run. What it returns is told the run's
	// progress, as ImportOptions.Progress is, and its end; cancel ends the run. Nil: nobody is told.
	Observe func(connector string, cancel func(cause error)) (progress func(Progress), ended func(*Report, error))
}

// A Syncer runs connectors. Its methods may be called concurrently.
type Syncer struct {
	store   *store.Store
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time
	numbers Numbers
	baseDir string
	hash    func(password string) (store.Secret, error)
	duty    Duty
	claims  Claims
	observe func(connector string, cancel func(cause error)) (progress func(Progress), ended func(*Report, error))

	// What tests shorten or replace.
	retries       func() []time.Duration
	webhookPauses func() []time.Duration
	clockEvery    time.Duration
	dutyPause     time.Duration
	awayPause     time.Duration
	figuresEvery  time.Duration
	sources       func(store.Source, *template, *job) (source.Source, error)

	mu        sync.Mutex               // guards what follows
	running   map[string]time.Time     // connectors with a run under way, and since when
	shown     map[string]*shownPlan    // the plan of a connector that was shown and that the store has not
	recalled  map[string]*recollection // what the latest run of a connector found that left nothing open
	scheduled map[string]*scheduled    // what Run has scheduled
	telling   map[string]*telling      // webhooks that are being told, by connector
	beside    *tasks                   // what Run waits for; nil while it is not at work
}

// New checks the options. It opens nothing and starts nothing.
func New(o Options) (*Syncer, error) {
	if o.Store == nil {
		return nil, errors.New("syncer: Options.Store is missing")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Numbers == (Numbers{}) {
		o.Numbers = Numbers{Country: "49", Trunk: "0", International: "00"}
	}
	if err := o.Numbers.check(); err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	s := &Syncer{
		store:     o.Store,
		log:       o.Logger,
		metrics:   m,
		now:       o.Now,
		numbers:   o.Numbers,
		baseDir:   o.BaseDir,
		hash:      o.HashPassword,
		duty:      o.Duty,
		claims:    o.Claims,
		observe:   o.Observe,
		running:   map[string]time.Time{},
		shown:     map[string]*shownPlan{},
		recalled:  map[string]*recollection{},
		scheduled: map[string]*scheduled{},
		telling:   map[string]*telling{},

		retries:       retries,
		webhookPauses: webhookPauses,
		clockEvery:    clockEvery,
		dutyPause:     dutyPause,
		awayPause:     awayPause,
		figuresEvery:  figuresEvery,
	}
	s.sources = s.sourceOf
	return s, nil
}
