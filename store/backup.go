package store

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"
)

// sumsName is the last file of a backup: without it, a backup was cut off.
const sumsName = "SHA256SUMS"

// BackupInfo says what a backup holds.
type BackupInfo struct {
	Path   string
	Bytes  int64
	Seq    uint64
	Counts Counts
}

// Backup writes the store as it is at one change, while others read and apply. The file is a tar archive of the database, the key file and their
// SHA-256 sums: all that Restore needs on a new machine. Since it holds the key, who can read it can read the secrets: it is made
// with mode 0600. It gets its name only when all of it is on the disk.
func (s *Store) Backup(ctx context.Context, path string) (BackupInfo, error) {
	info := BackupInfo{Path: path}
	err := s.View(func(v *Snapshot) error {
		var err error
		if info.Counts, err = v.Counts(); err != nil {
			return err
		}
		info.Seq = v.Seq()
		return writeFile(path, 0o600, func(w io.Writer) error { return s.writeBackup(v, &contextWriter{ctx, w}) })
	})
	if err != nil {
		return BackupInfo{}, fmt.Errorf("back up to %s: %w", path, err)
	}
	file, err := os.Stat(path)
	if err != nil {
		return BackupInfo{}, fmt.Errorf("back up to %s: %w", path, err)
	}
	info.Bytes = file.Size()
	return info, nil
}

func (s *Store) writeBackup(v *Snapshot, w io.Writer) error {
	if s.key == nil {
		return errors.New("the store was opened read-only and has no key yet: start dialtree serve once")
	}
	archive := tar.NewWriter(w)
	sums := ""
	add := func(name string, size int64, content func(io.Writer) error) error {
		sum := sha256.New()
		header := &tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: s.now().UTC().Truncate(time.Second), Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if err := content(io.MultiWriter(archive, sum)); err != nil {
			return err
		}
		sums += sumLine(name, sum)
		return nil
	}
	text := func(t string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, t); return err }
	}
	if err := add(keyFileName, int64(len(s.key.text)), text(s.key.text)); err != nil {
		return err
	}
	if err := add(fileName, v.tx.Size(), func(w io.Writer) error { _, err := v.tx.WriteTo(w); return err }); err != nil {
		return err
	}
	if err := add(sumsName, int64(len(sums)), text(sums)); err != nil {
		return err
	}
	return archive.Close()
}

// sumLine is how sha256sum writes it.
func sumLine(name string, sum hash.Hash) string { return fmt.Sprintf("%x  %s\n", sum.Sum(nil), name) }

// copyFile writes a copy of the database alone.
func (s *Store) copyFile(ctx context.Context, path string) error {
	return writeFile(path, 0o600, func(w io.Writer) error {
		return s.View(func(v *Snapshot) error {
			_, err := v.tx.WriteTo(&contextWriter{ctx, w})
			return err
		})
	})
}

// A contextWriter writes until its context ends.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w *contextWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// extractBackup unpacks a backup into a directory and compares the sums.
func extractBackup(ctx context.Context, path, dir string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	archive := tar.NewReader(f)
	sums := ""
	for _, name := range [...]string{keyFileName, fileName} {
		header, err := archive.Next()
		if err != nil || header.Name != name || header.Typeflag != tar.TypeReg {
			return notBackup(path, err)
		}
		sum := sha256.New()
		err = writeFile(filepath.Join(dir, name), 0o600, func(w io.Writer) error {
			_, err := io.Copy(io.MultiWriter(&contextWriter{ctx, w}, sum), archive)
			return err
		})
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return notBackup(path, err)
		}
		if err != nil {
			return err
		}
		sums += sumLine(name, sum)
	}
	return checkSums(archive, path, sums)
}

// VerifyBackup reads a backup and looks whether it is whole: its sums, and the pages of the store in it. It writes nothing, and does not look at
// entries, as Restore does.
func VerifyBackup(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	archive := tar.NewReader(f)
	sums := ""
	for _, name := range [...]string{keyFileName, fileName} {
		header, err := archive.Next()
		if err != nil || header.Name != name || header.Typeflag != tar.TypeReg {
			return notBackup(path, err)
		}
		at, err := f.Seek(0, io.SeekCurrent) // the archive reads no further than it must
		if err != nil {
			return err
		}
		sum := sha256.New()
		if _, err := io.Copy(&contextWriter{ctx, sum}, archive); err != nil {
			return notBackup(path, err)
		}
		sums += sumLine(name, sum)
		if name != fileName {
			continue
		}
		err = checkPages(ctx, io.NewSectionReader(f, at, header.Size), header.Size, func(format string, args ...any) error {
			return fmt.Errorf("the store in %s is damaged: %s", path, fmt.Sprintf(format, args...))
		})
		if err != nil {
			return err
		}
	}
	return checkSums(archive, path, sums)
}

// checkSums compares the sums with those at the end of a backup.
func checkSums(archive *tar.Reader, path, sums string) error {
	header, err := archive.Next()
	if err != nil || header.Name != sumsName {
		return notBackup(path, err)
	}
	stored, err := io.ReadAll(io.LimitReader(archive, 4096))
	if err != nil {
		return notBackup(path, err)
	}
	if string(stored) != sums {
		return fmt.Errorf("%s is damaged: its checksums differ; use another backup", path)
	}
	return nil
}

func notBackup(path string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s was cut off, or is not a backup made by dialtree backup: use another one", path)
	}
	return fmt.Errorf("%s is not a backup made by dialtree backup", path)
}
