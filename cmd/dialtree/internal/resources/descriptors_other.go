//go:build !unix

package resources

func descriptorLimit() int { return 0 }
