// Package demoetcd runs one server of etcd within the process, on loopback, for a demo of several nodes. It is no way to run etcd for good:
// there is no second member, no TLS, and nobody is asked who he is.
package demoetcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// startTime is how long etcd may take until it serves. It takes a tenth of a second where the disk is not busy.
const startTime = 30 * time.Second

// A Server is an etcd that can be stopped and started again. Its methods are not called concurrently.
type Server struct {
	address string
	dir     string
	running *embed.Etcd // nil: it is stopped
}

// New returns a server that is stopped. Its content stays in dir; address, on loopback, is for clients.
func New(dir, address string) *Server { return &Server{dir: dir, address: address} }

// Endpoint is the URL for clients.
func (s *Server) Endpoint() string { return "http://" + s.address }

// Running tells whether it was started.
func (s *Server) Running() bool { return s.running != nil }

// Start returns when it serves.
func (s *Server) Start(ctx context.Context) error {
	c, err := s.config()
	if err != nil {
		return err
	}
	running, err := embed.StartEtcd(c)
	if err != nil {
		return fmt.Errorf("start etcd on %s: %w", s.address, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case <-running.Server.ReadyNotify():
		s.running = running
		return nil
	case err = <-running.Err():
	case <-running.Server.StopNotify():
		err = errors.New("it has ended")
	case <-ctx.Done():
		err = ctx.Err()
	}
	running.Close()
	return fmt.Errorf("start etcd on %s: %w", s.address, err)
}

// Stop ends it. What clients wait for is waited for, for some seconds.
func (s *Server) Stop() {
	if s.running != nil {
		s.running.Close()
		s.running = nil
	}
}

func (s *Server) config() (*embed.Config, error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	c := embed.NewConfig()
	c.Dir = filepath.Join(s.dir, "etcd")
	c.Name = "demo"
	clients := url.URL{Scheme: "http", Host: s.address}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{clients}, []url.URL{clients}
	// Other members, of which there are none, would come by a port of their own.
	peers := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peers}, []url.URL{peers}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	// Nobody speaks JSON with it, least of all a web page that somebody has open.
	c.EnableGRPCGateway, c.CORS = false, nil
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	return c, nil
}
