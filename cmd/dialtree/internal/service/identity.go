package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// An Identity is a user and a group of the system that a process runs as.
type Identity struct {
	UID, GID int
	User     string // as it was given
	groups   []int
}

// LookUp finds a user and a group, each by name or number. Without a group it is the user's own.
func LookUp(userName, groupName string) (Identity, error) {
	id := Identity{User: userName}
	u, err := user.Lookup(userName)
	if _, nerr := strconv.Atoi(userName); err != nil && nerr == nil {
		u, err = user.LookupId(userName)
		if err != nil { // a number needs no entry, as in a container
			u, err = &user.User{Uid: userName, Gid: userName}, nil
		}
	}
	if err != nil {
		return id, fmt.Errorf("there is no user %q on this system: make one, such as by useradd --system --no-create-home %s", userName, userName)
	}
	gid := u.Gid
	if groupName != "" {
		g, err := user.LookupGroup(groupName)
		switch _, nerr := strconv.Atoi(groupName); {
		case err == nil:
			gid = g.Gid
		case nerr == nil:
			gid = groupName
		default:
			return id, fmt.Errorf("there is no group %q on this system", groupName)
		}
	}
	id.UID, err = strconv.Atoi(u.Uid)
	if err == nil {
		id.GID, err = strconv.Atoi(gid)
	}
	if err != nil {
		return id, fmt.Errorf("user %s: %w", userName, err)
	}
	id.groups = []int{id.GID}
	if all, err := u.GroupIds(); err == nil { // what keys of certificates are often readable by
		for _, text := range all {
			if g, err := strconv.Atoi(text); err == nil && g != id.GID {
				id.groups = append(id.groups, g)
			}
		}
	}
	return id, nil
}

// Become makes every thread of this process run as the user, for good: neither its own nor its saved rights are left.
func (id Identity) Become() error {
	if id.UID == 0 {
		return errors.New("the user to become is root: name one without its rights")
	}
	// In this order: whoever is not root any more may change neither groups nor group.
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"setgroups", func() error { return syscall.Setgroups(id.groups) }},
		{"setgid", func() error { return syscall.Setgid(id.GID) }},
		{"setuid", func() error { return syscall.Setuid(id.UID) }},
		{"verify", func() error { return verifyUser(id.UID, id.GID) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("become user %s: %s: %w", id.User, step.name, err)
		}
	}
	if syscall.Setuid(0) == nil {
		return fmt.Errorf("become user %s: root's rights came back", id.User)
	}
	return nil
}

// OwnDirectory makes a directory that belongs to the user, while the process is still root. One that is there already must
// be his, and so must all in it: what somebody else's start left behind is told, not changed.
func (id Identity) OwnDirectory(dir string) error {
	switch _, err := os.Lstat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the data directory: %w", err)
		}
		return os.Lchown(dir, id.UID, id.GID)
	case err != nil:
		return fmt.Errorf("look at the data directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look at the data directory: %w", err)
	}
	paths := []string{dir}
	for _, e := range entries {
		paths = append(paths, filepath.Join(dir, e.Name()))
	}
	for _, path := range paths {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at the data directory: %w", err)
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != id.UID {
			return fmt.Errorf("%s belongs to %s, but the server runs as %s: run chown -R %d:%d %s", path, ownerName(stat.Uid), id.User, id.UID, id.GID, dir)
		}
	}
	return nil
}

func ownerName(uid uint32) string {
	text := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(text); err == nil {
		return u.Username
	}
	return "user " + text
}
