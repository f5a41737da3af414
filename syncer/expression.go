package syncer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/dialtree/dialtree/syncer/source"
)

// Bounds of an expression. There are no loops in it, so that its length bounds its time, and
// with maxText its memory.
const (
	maxExpression = 4 << 10
	maxNodes      = 500
	maxText       = 64 << 10 // of what an expression makes; store has the same bound for a value
	maxParts      = 1000     // of a list
)

// An expression is compiled for the columns of one fetch. It is for one goroutine.
type expression struct {
	column  int // the expression is just this column: no need to evaluate it; else -1
	program *vm.Program
	vm      vm.VM
	env     map[string]any
	used    []use
}

// A use is a column under the name that the program knows it by.
type use struct {
	name   string
	column int
	all    bool // all its values, where there are several; else the first
}

// compile compiles a variable. Without columns, any name may be a column's.
func compile(text string, columns *source.Columns, n Numbers) (*expression, error) {
	return compileWith(text, columns, n)
}

// compileFilter compiles an expression that is true or false.
func compileFilter(text string, columns *source.Columns, n Numbers) (*expression, error) {
	return compileWith(text, columns, n, expr.AsBool())
}

func compileWith(text string, columns *source.Columns, n Numbers, more ...expr.Option) (*expression, error) {
	if len(text) > maxExpression {
		return nil, fmt.Errorf("the expression is longer than %d bytes", maxExpression)
	}
	e := &expression{column: -1, env: map[string]any{}}
	if columns != nil && len(more) == 0 {
		if i, ok := columns.Index(strings.TrimSpace(text)); ok {
			e.column = i
			return e, nil
		}
	}
	functions := functionsOf(n)
	names := &names{columns: columns, functions: map[string]int{"len": 0}, program: e, env: e.env}
	for _, f := range functions {
		names.functions[f.name] = f.all
	}
	names.declare()
	options := []expr.Option{expr.Env(e.env), expr.MaxNodes(maxNodes), expr.DisableAllBuiltins(), expr.EnableBuiltin("len")}
	for _, f := range functions {
		options = append(options, expr.Function(f.name, f.call, f.types...))
	}
	if columns == nil {
		options = append(options, expr.AllowUndefinedVariables())
	}
	options = append(options, more...)
	// Twice: with a visitor, expr 1.17 checks types before it and after it, but drops what the first check finds, and
	// the second passes over the arguments of functions.
	_, plainErr := expr.Compile(text, options...)
	program, err := expr.Compile(text, append(options, expr.Patch(names))...)
	switch {
	case names.err != nil:
		return nil, names.err
	case plainErr != nil:
		return nil, names.explain(plainErr)
	case err != nil:
		return nil, names.explain(err)
	}
	e.program = program
	return e, nil
}

// run evaluates the program for a record.
func (e *expression) run(r *source.Record) (any, error) {
	for _, u := range e.used {
		switch v := r.Values[u.column]; {
		case len(v) == 0:
			e.env[u.name] = ""
		case u.all && len(v) > 1:
			e.env[u.name] = v
		default:
			e.env[u.name] = v[0]
		}
	}
	out, err := e.vm.Run(e.program, e.env)
	if err != nil {
		return nil, position(err)
	}
	return out, nil
}

// values returns what a variable comes to: texts, none of them empty.
func (e *expression) values(r *source.Record) ([]string, error) {
	if e.column >= 0 {
		return r.Values[e.column], nil
	}
	out, err := e.run(r)
	if err != nil {
		return nil, err
	}
	return textsOf(out)
}

// keeps returns what a filter comes to.
func (e *expression) keeps(r *source.Record) (bool, error) {
	out, err := e.run(r)
	if err != nil {
		return false, err
	}
	keep, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("the filter gives %v, not true or false", out)
	}
	return keep, nil
}

// textsOf makes values of a result.
func textsOf(out any) ([]string, error) {
	switch out := out.(type) {
	case nil:
		return nil, nil
	case string:
		if len(out) > maxText {
			return nil, errTooLong
		}
		if out = strings.ToValidUTF8(out, ""); out == "" { // a slice may have cut a letter
			return nil, nil
		}
		return []string{out}, nil
	case int:
		return []string{strconv.Itoa(out)}, nil
	case float64:
		return []string{strconv.FormatFloat(out, 'f', -1, 64)}, nil
	case []string:
		return appendTexts(nil, out)
	case []any:
		return appendTexts(nil, out)
	}
	return nil, errors.New("the result is neither text nor a list of texts")
}

func appendTexts[T any](texts []string, list []T) ([]string, error) {
	if len(list) > maxParts {
		return nil, errTooMany
	}
	for _, part := range list {
		switch part := any(part).(type) {
		case []string, []any:
			return nil, errors.New("the result is a list within a list")
		default:
			t, err := textsOf(part)
			if err != nil {
				return nil, err
			}
			texts = append(texts, t...)
		}
	}
	return texts, nil
}

// position is expr's error without its picture of the place, which needs a fixed font.
func position(err error) error {
	var e *file.Error
	if !errors.As(err, &e) {
		return err
	}
	return fmt.Errorf("%s (position %d)", e.Message, e.From+1)
}
