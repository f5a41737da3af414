package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dialtree/dialtree/cluster"
)

// errLeaseGone means that a lease is over.
var errLeaseGone = errors.New("the lease is over")

// mapped is the only place where an error of etcd's client becomes one of cluster's. What is none that a caller must tell apart stays as it is.
// gRPC's texts hold addresses and reasons, never what was asked for.
func mapped(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{cluster.ErrUnreachable, cluster.ErrCompacted, cluster.ErrTooLarge, cluster.ErrNoSpace, cluster.ErrDenied, errLeaseGone} {
		if errors.Is(err, known) {
			return err
		}
	}
	text := reason(err)
	is := func(all ...error) bool {
		for _, e := range all {
			if strings.Contains(text, rpctypes.ErrorDesc(e)) {
				return true
			}
		}
		return false
	}
	switch {
	case is(rpctypes.ErrGRPCCompacted):
		return cluster.ErrCompacted
	case is(rpctypes.ErrGRPCNoSpace):
		return cluster.ErrNoSpace
	case is(rpctypes.ErrGRPCRequestTooLarge), strings.Contains(text, "larger than max"):
		return cluster.ErrTooLarge
	case is(rpctypes.ErrGRPCLeaseNotFound):
		return errLeaseGone
	case is(rpctypes.ErrGRPCAuthFailed, rpctypes.ErrGRPCPermissionDenied, rpctypes.ErrGRPCUserEmpty, rpctypes.ErrGRPCUserNotFound, rpctypes.ErrGRPCInvalidAuthToken, rpctypes.ErrGRPCPermissionNotGranted),
		refusesCertificate(text):
		return fmt.Errorf("%w: %s", cluster.ErrDenied, text)
	case silent(err):
		return fmt.Errorf("%w: %s", cluster.ErrUnreachable, inWords(text))
	}
	return fmt.Errorf("etcd: %s", text)
}

// refusesCertificate tells an alert that the server sent from a certificate of its own that we refuse: that one is another server than
// we were told of, and so the right one is not reached.
func refusesCertificate(text string) bool {
	return strings.Contains(text, "remote error: tls: ") && (strings.Contains(text, "certificate") || strings.Contains(text, "unknown ca") || strings.Contains(text, "access denied"))
}

// silent means that nobody who could have decided gave an answer, once mapped has ruled out those that it knows.
func silent(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true
	}
	switch code(err) {
	// Unknown, Internal and Aborted are what a connection that broke in the middle of an answer, or a proxy in the way, may give: nobody knows then whether it was done.
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unknown, codes.Internal, codes.Aborted, codes.DataLoss, codes.ResourceExhausted, codes.Unimplemented:
		return true
	}
	return strings.Contains(reason(err), rpctypes.ErrorDesc(rpctypes.ErrGRPCNotSupportedForLearner)) || strings.Contains(reason(err), rpctypes.ErrorDesc(rpctypes.ErrGRPCNotLeader))
}

// code is that of gRPC, also where etcd's client made an error of its own of it.
func code(err error) codes.Code {
	var e rpctypes.EtcdError
	if errors.As(err, &e) {
		return e.Code()
	}
	return status.Code(err)
}

// reason is the text without gRPC's words around it.
func reason(err error) string {
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}
