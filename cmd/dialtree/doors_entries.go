package main

import (
	"context"
	"errors"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/directory"
)

// finderDoor shows the directory's indexes to the admin side.
type finderDoor struct{ front *authproxy.Front }

func (d finderDoor) Find(ctx context.Context, q admin.FindQuery) (admin.FoundPage, error) {
	found, err := d.front.Find(ctx, directory.FindQuery(q))
	if errors.Is(err, directory.ErrBadPlace) {
		err = admin.ErrBadPlace
	}
	return admin.FoundPage(found), err
}

func (d finderDoor) Dialled(number string) string { return d.front.Dialled(number) }
