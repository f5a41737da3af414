package service

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The names of sockets that a service manager may pass (FileDescriptorName= in its unit).
const (
	LDAP  = "ldap"
	LDAPS = "ldaps"
	Admin = "admin"
)

var managed = []string{LDAP, LDAPS, Admin}

// A Socket listens.
type Socket struct {
	// Name is LDAP, LDAPS or Admin where a service manager passed the socket. Otherwise it is the key of the configuration that
	// it was opened for, and Address is what the key said.
	Name    string
	Address string
	net.Listener
}

// Managed tells whether a service manager passed the socket.
func (s Socket) Managed() bool { return s.Address == "" }

// label is the socket's name in LISTEN_FDNAMES, which colons divide.
func (s Socket) label() string {
	if s.Managed() {
		return s.Name
	}
	return s.Name + "=" + url.QueryEscape(s.Address)
}

// takeSockets makes sockets of the descriptors that were passed.
func takeSockets(count, names, numbers string) (_ []Socket, err error) {
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > 1024 {
		return nil, fmt.Errorf("%s is %q; it must be the number of sockets that are passed", varListen, count)
	}
	labels, descriptors, err := passed(n, names, numbers)
	if err != nil {
		return nil, err
	}
	var sockets []Socket
	defer func() {
		if err != nil {
			for _, s := range sockets {
				s.Close()
			}
		}
	}()
	for i, label := range labels {
		s, err := takeSocket(label, descriptors[i])
		if err != nil {
			return nil, err
		}
		sockets = append(sockets, s)
		for _, other := range sockets[:i] {
			switch {
			case s.Managed() && other.Managed() && s.Addr().String() == other.Addr().String():
				return nil, fmt.Errorf("the sockets %s and %s that were passed are both at %s: give each its own ListenStream=", other.Name, s.Name, s.Addr())
			case s.Name == Admin && other.Name == Admin:
				return nil, fmt.Errorf("the socket %s was passed twice, at %s and %s: there is one address of the page", Admin, other.Addr(), s.Addr())
			}
		}
	}
	return sockets, nil
}

// passed divides the names, and counts the descriptors.
func passed(n int, names, numbers string) (labels []string, descriptors []int, err error) {
	if names != "" {
		labels = strings.Split(names, ":")
	}
	if len(labels) != n {
		return nil, nil, fmt.Errorf("%d sockets were passed with %d names (%s): give each a FileDescriptorName= of %s", n, len(labels), varListenNames, strings.Join(managed, ", "))
	}
	if numbers == "" {
		for i := range n {
			descriptors = append(descriptors, firstDescriptor+i)
		}
		return labels, descriptors, nil
	}
	for text := range strings.SplitSeq(numbers, ":") {
		fd, err := strconv.Atoi(text)
		if err != nil || fd < firstDescriptor {
			return nil, nil, fmt.Errorf("%s has %q, which is no descriptor", varListenNumber, text)
		}
		descriptors = append(descriptors, fd)
	}
	if len(descriptors) != n {
		return nil, nil, fmt.Errorf("%d sockets were passed with %d numbers (%s)", n, len(descriptors), varListenNumber)
	}
	return labels, descriptors, nil
}

// takeSocket makes a socket of a descriptor, and closes that.
func takeSocket(label string, fd int) (Socket, error) {
	name, escaped, own := strings.Cut(label, "=")
	s := Socket{Name: name}
	var err error
	if own {
		if s.Address, err = url.QueryUnescape(escaped); err != nil || s.Address == "" {
			return s, fmt.Errorf("the socket %q was passed with an address that cannot be read", label)
		}
	} else if !slices.Contains(managed, name) {
		return s, fmt.Errorf("a socket was passed with the name %q, which is not known: FileDescriptorName= must be one of %s", name, strings.Join(managed, ", "))
	}
	// First, for what is no such socket may be a file of the runtime, which must not be closed.
	if err := listens(fd); err != nil {
		return s, fmt.Errorf("the socket %s (descriptor %d) that was passed %w: its unit needs ListenStream= and Accept=no", name, fd, err)
	}
	f := os.NewFile(uintptr(fd), label)
	defer f.Close() // the listener has a copy, which closes when a program is executed
	if s.Listener, err = net.FileListener(f); err != nil {
		return s, fmt.Errorf("the socket %s (descriptor %d) that was passed: %w", name, fd, err)
	}
	if _, tcp := s.Listener.(*net.TCPListener); !own && !tcp {
		s.Close()
		return s, fmt.Errorf("the socket %s that was passed is not a TCP socket: ListenStream= must be a port, or an address with a port", name)
	}
	return s, nil
}
