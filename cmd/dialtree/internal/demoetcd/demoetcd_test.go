package demoetcd_test

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/demoetcd"
)

// What was put is there after a stop and a start, at the same address.
func TestStopAndStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := demoetcd.New(t.TempDir(), address)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	kv := etcdserverpb.NewKVClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := kv.Put(ctx, &etcdserverpb.PutRequest{Key: []byte("/a"), Value: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if s.Running() {
		t.Error("it runs after Stop")
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("it still listens after Stop")
	}
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	got, err := kv.Range(ctx, &etcdserverpb.RangeRequest{Key: []byte("/a")}, grpc.WaitForReady(true))
	if err != nil || len(got.Kvs) != 1 || !bytes.Equal(got.Kvs[0].Value, []byte("kept")) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := demoetcd.New(t.TempDir(), l.Addr().String()).Start(t.Context()); err == nil {
		t.Error("no error")
	}
}
