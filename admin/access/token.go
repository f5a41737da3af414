package access

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/dialtree/dialtree/store"
)

// MaxTokenLife is how long a token may last at most: two years.
const MaxTokenLife = 2 * 366 * 24 * time.Hour

// ErrNoToken refuses a token that there is not, without saying what is wrong with it.
var ErrNoToken = errors.New("this is not a token of this server")

// An ExpiredError is a token whose time is over. Only who has its secret is told.
type ExpiredError struct{ Token *store.Token }

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("the token %s expired on %s: make a new one", e.Token.Name, e.Token.Expires)
}

// ByToken returns who comes with a token. Its errors are ErrNoToken, *ExpiredError or of the store.
func ByToken(s *store.Store, text string, now time.Time) (*Identity, error) {
	name, secret, ok := splitToken(text)
	if !ok {
		return nil, ErrNoToken
	}
	o, err := s.Object(store.ObjectToken, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrNoToken
	case err != nil:
		return nil, err
	}
	token := o.(*store.Token)
	kept, err := token.Hash.Resolve()
	if err != nil {
		return nil, fmt.Errorf("read token %s: %w", name, err)
	}
	hash, err := hex.DecodeString(kept)
	if err != nil || !sameDigest(hash, digest(secret)) {
		return nil, ErrNoToken
	}
	if !now.Before(token.ExpiresAt()) {
		return nil, &ExpiredError{token}
	}
	who := &Identity{Name: token.Name, Door: DoorToken}
	for _, scope := range token.Scopes {
		who.Scopes = append(who.Scopes, Scope(scope))
	}
	return who, nil
}
