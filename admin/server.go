package admin

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/logtail"
	"github.com/dialtree/dialtree/admin/trends"
	"github.com/dialtree/dialtree/store"
)

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// grace is how long Run waits at its end for requests and jobs under way. A run of a connector is
	// one transaction: it was applied, or it was not.
	grace = 2 * time.Second
	// parting is how long a connection on which nothing was asked yet is waited for: browsers open some in advance.
	parting = time.Second
)

// Options are what a Server needs.
type Options struct {
	Store       *store.Store        // required
	Syncer      Syncer              // required
	Logins      Logins              // required
	Upstreams   Upstreams           // required
	Front       Front               // required, with all its functions
	Directory   Directory           // required
	Devices     Devices             // required
	SignIns     SignIns             // required
	Finder      Finder              // required
	LoginWatch  LoginWatch          // required
	Gatherer    prometheus.Gatherer // required
	Refusals    Refusals            // nil: nobody takes note of them
	Tracer      Tracer              // nil: requests cannot be followed
	MetricsFrom []netip.Prefix      // whose clients may read /metrics on the public listener; none: nobody
	ClearFrom   []netip.Prefix      // whose clients may log in without TLS on the public listener, beside those of this machine
	Logger      *slog.Logger        // required
	Version     Version

	// Page makes the web page, which asks the API through the client that it is given; nil: none. It serves everything that is not the API's,
	// also to whoever has not signed in: access.From tells.
	Page func(*Client) http.Handler
	// Address is where a browser finds the public listener, such as https://pbx.example.com:8389; nil or empty: there is none.
	Address      func() string
	SessionIdle  time.Duration    // how long a session lasts without being used; 0: access.DefaultIdle
	SessionLimit time.Duration    // how long it lasts altogether; 0: access.DefaultLimit
	Now          func() time.Time // nil: time.Now

	Backups Backups // that the server writes by itself
	Peers   Peers   // the other nodes' runs; nil: this node is alone
	// Cluster is this node's part in a cluster; nil: it is alone.
	Cluster ClusterDoor
	// Ready says what keeps the server from serving its clients; nil: it is ready.
	// The store is looked at beside it. It must not depend on upstreams: their outage
	// must not take this node out of service.
	Ready  func() error
	System System        // nil: nothing is told of the configuration and its files
	Log    *logtail.Tail // nil: there is no log to show
}

// A Server serves the API, the metrics and the health checks.
type Server struct {
	options Options
	started time.Time
	log     *slog.Logger
	local   http.Handler // everything
	public  http.Handler // the same to who has signed in or has a token; health, metrics and what devices read
	own     *Client      // of this server, for its own page
	jobs    *jobs
	trials  chan struct{} // holds one for each that is under way

	sessions *access.Sessions
	links    access.Links

	duplicates   duplicates
	system       System
	trends       *trends.Sampler
	marks        *marks
	watch        watch
	clusterWatch clusterWatch
	backups      backups
	live         live
	stopping     context.Context // ends when Run does
	stop         context.CancelFunc

	changing sync.Mutex // held while a change that begins with a read of objects is made
}

// New checks the options. It listens nowhere and starts nothing.
func New(o Options) (*Server, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("admin: Options.Store is missing")
	case o.Syncer == nil, o.Logins == nil, o.Upstreams == nil, o.Directory == nil, o.Devices == nil, o.Finder == nil, o.LoginWatch == nil, o.SignIns == nil, o.Gatherer == nil, o.Logger == nil:
		return nil, errors.New("admin: Options must hold Syncer, Logins, Upstreams, Directory, Devices, Finder, LoginWatch, SignIns, Gatherer and Logger")
	}
	if o.Front.Listeners == nil || o.Front.PhonebookDN == nil || o.Front.DeviceDN == nil {
		return nil, errors.New("admin: Options.Front must hold Listeners, PhonebookDN and DeviceDN")
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SessionIdle == 0 {
		o.SessionIdle = access.DefaultIdle
	}
	if o.SessionLimit == 0 {
		o.SessionLimit = access.DefaultLimit
	}
	if o.Refusals == nil {
		o.Refusals = nobodyNotes{}
	}
	if o.System == nil {
		o.System = bareSystem{}
	}
	s := &Server{options: o, started: o.Now().UTC(), log: o.Logger, trials: make(chan struct{}, maxTrials), system: o.System, trends: trends.New(o.Gatherer)}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.jobs = newJobs(s.problemOf, o.Logger)
	s.sessions = &access.Sessions{Store: o.Store, Idle: o.SessionIdle, Limit: o.SessionLimit, Now: o.Now}
	if o.Peers != nil {
		o.Peers.OnCancel(s.cancelFor)
	}
	var err error
	if s.marks, err = readMarks(o.Store.Dir()); err != nil {
		s.log.Warn("the overview has forgotten the last backup", "error", err)
	}
	api := s.noting(s.recovered(s.apiRoutes()))
	s.own = NewLocalClient(api)
	s.local = s.recovered(s.localRoutes(api))
	s.public = s.recovered(s.publicRoutes(api))
	return s, nil
}

// LocalHandler serves what the unix socket serves.
func (s *Server) LocalHandler() http.Handler { return s.local }

// PublicHandler serves what the public listener serves.
func (s *Server) PublicHandler() http.Handler { return s.public }

// Run serves on both listeners until ctx ends, then closes them. public may be nil.
// It returns when all requests have ended or been cut off.
func (s *Server) Run(ctx context.Context, socket, public net.Listener) error {
	silent := &silentConns{}
	servers := []*http.Server{s.httpServer(s.local)}
	servers[0].ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, peerName(c))
	}
	listeners := []net.Listener{socket}
	if public != nil {
		servers = append(servers, s.httpServer(s.public))
		listeners = append(listeners, public)
	}
	failed := make(chan error, len(servers))
	for i, server := range servers {
		server.ConnState = silent.note
		go func() {
			if err := server.Serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) && !(ctx.Err() != nil && errors.Is(err, net.ErrClosed)) {
				failed <- fmt.Errorf("serve %s: %w", listeners[i].Addr(), err)
				return
			}
			failed <- nil
		}()
	}
	var watching sync.WaitGroup
	watched, stopWatching := context.WithCancel(ctx)
	watching.Go(func() { s.keepWatch(watched) })
	defer watching.Wait()
	defer stopWatching()
	var err error
	ended := 0
	select {
	case <-ctx.Done():
	case err = <-failed:
		ended++
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	s.jobs.stop() // first, so that whoever watches is told
	s.stop()
	// Shutdown knows of a connection only some time after it was accepted, and cuts off what it does not know of: so nothing is
	// accepted any more before it begins.
	for _, l := range listeners {
		l.Close()
	}
	for ; err == nil && ended < len(servers); ended++ {
		err = <-failed
	}
	hangUp := time.AfterFunc(parting, silent.close)
	defer hangUp.Stop()
	for _, server := range servers {
		if server.Shutdown(stopping) != nil {
			server.Close()
		}
	}
	s.jobs.wait(stopping)
	for ; ended < len(servers); ended++ {
		err = errors.Join(err, <-failed)
	}
	return err
}

// peerKey is the key of the user at the other end of the socket in a request's context.
type peerKey struct{}

func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(s.newServerLog(), "", 0),
	}
}

// recovered turns a panic of a handler into an answer, so that one request cannot
// end the process and the log says where it happened.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				s.log.Error("request panicked", "method", r.Method, "route", r.Pattern, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				http.Error(w, "internal error: the log of the server says more", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
