package smb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"

	"github.com/cloudsoda/go-smb2"

	"github.com/dialtree/dialtree/syncer/source"
)

// A step is how far opening a file got.
type step int

const (
	stepDial step = iota
	stepLogin
	stepShare
	stepOpen
)

// The NTSTATUS values of [MS-ERREF], section 2.3.1, that an administrator can do something about.
const (
	statusSharingViolation   = 0xC0000043
	statusWrongPassword      = 0xC000006A
	statusLogonFailure       = 0xC000006D
	statusAccountRestriction = 0xC000006E
	statusLogonHours         = 0xC000006F
	statusPasswordExpired    = 0xC0000071
	statusAccountDisabled    = 0xC0000072
	statusBadNetworkName     = 0xC00000CC
	statusLogonTypeRefused   = 0xC000015B
	statusAccountExpired     = 0xC0000193
	statusPasswordMustChange = 0xC0000224
	statusAccountLocked      = 0xC0000234
	statusPathNotCovered     = 0xC0000257
)

var loginRefusals = map[uint32]string{
	statusWrongPassword:      "the password is wrong",
	statusLogonFailure:       "the name or the password is wrong",
	statusAccountRestriction: "a restriction of the account forbids it",
	statusLogonHours:         "it may not log in at this hour",
	statusPasswordExpired:    "its password has expired",
	statusAccountDisabled:    "it is disabled",
	statusLogonTypeRefused:   "it may not log in over the network",
	statusAccountExpired:     "it has expired",
	statusPasswordMustChange: "it must change its password first",
	statusAccountLocked:      "it is locked after too many wrong passwords",
}

// explain says what to do about a file that cannot be opened.
func (p *place) explain(at step, err error) error {
	sentence := p.sentence(at, err)
	if at == stepDial || isCut(err) || errors.Is(err, smb2.ErrRequestNotAccepted) || statusOf(err) == statusSharingViolation {
		return source.Temporary(sentence)
	}
	return sentence
}

// statusOf returns the NTSTATUS that the server answered with; 0: none.
func statusOf(err error) uint32 {
	var response *smb2.ResponseError
	if errors.As(err, &response) {
		return response.Code
	}
	return 0
}

func (p *place) sentence(at step, err error) error {
	code, account := statusOf(err), p.o.Username
	if p.o.Domain != "" {
		account = p.o.Domain + `\` + account
	}
	switch {
	case at == stepDial:
		return fmt.Errorf("%s: server %s cannot be reached: %w: check share.unc, and that its firewall lets TCP port 445 through", p.Name(), p.address, dialCause(err))
	case loginRefusals[code] != "":
		return fmt.Errorf("%s: server %s refused account %s: %s: check username, password and domain of share", p.Name(), p.host, account, loginRefusals[code])
	case at == stepLogin && isCut(err):
		return fmt.Errorf("%s: server %s ended the connection during the login: check that it speaks SMB 2 or later and signs", p.Name(), p.host)
	case at == stepLogin:
		return fmt.Errorf("%s: logging in to server %s as %s failed: %w: check that it speaks SMB 2 or later and signs, and that the account is no guest", p.Name(), p.host, account, err)
	case code == statusBadNetworkName:
		return fmt.Errorf("%s: server %s has no share %q: check share.unc", p.Name(), p.host, p.o.Share)
	case code == statusPathNotCovered:
		return fmt.Errorf("%s is on another server (DFS): write that server and its share into share.unc", p.Name())
	case code == statusSharingViolation:
		return fmt.Errorf("%s is open in another program, such as Excel: close it there", p.Name())
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: check path", p.Name())
	case errors.Is(err, fs.ErrPermission) && at == stepShare:
		return fmt.Errorf("%s: account %s may not use the share: give it read access, in the permissions of the share and of the files", p.Name(), account)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: account %s may not read the file: give it read access, in the permissions of the share and of the file", p.Name(), account)
	}
	return fmt.Errorf("%s cannot be opened: %w", p.Name(), bare(readError(err)))
}

// readError makes one error of the ways in which a connection ends.
func readError(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if isCut(err) {
		return io.ErrUnexpectedEOF
	}
	return bare(err)
}

// isCut tells whether the other side is gone. The library has an error of its own for what the connection says.
func isCut(err error) bool {
	var transport *smb2.TransportError
	if errors.As(err, &transport) {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// bare leaves out what the library puts before a cause: the operation and the path, which are known.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// dialCause leaves out the address, which is there already.
func dialCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
