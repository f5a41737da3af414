package admin_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"

	"github.com/dialtree/dialtree/admin"
)

// fakeSignIns takes the password "right" for everybody, and notes whom it was asked about.
type fakeSignIns struct {
	mu    sync.Mutex
	asked []string
}

func (f *fakeSignIns) LoginAdministrator(_ context.Context, client netip.AddrPort, name, hash string, password []byte) error {
	if hash == "" {
		return admin.ErrLoginRefused
	}
	if !strings.HasPrefix(hash, "$argon2id$") {
		return errors.New("no hash")
	}
	return f.login("administrator "+name, client, password)
}

func (f *fakeSignIns) LoginUser(_ context.Context, client netip.AddrPort, name string, password []byte) (string, error) {
	if name == "" {
		return "", admin.ErrLoginRefused
	}
	return strings.ToLower(name), f.login("user "+name, client, password)
}

func (f *fakeSignIns) login(who string, client netip.AddrPort, password []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, who)
	switch {
	case !client.IsValid():
		return errors.New("no address")
	case string(password) == "right":
		return nil
	case string(password) == "throttled":
		return admin.ErrLoginThrottled
	case string(password) == "outage":
		return errors.New("dial tcp 192.0.2.1:389: hunter2")
	}
	return admin.ErrLoginRefused
}
