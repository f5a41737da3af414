package syncer

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
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
	names := &names{columns: columns, functions: map[string]bool{"len": true}, program: e, env: e.env}
	for _, f := range functions {
		names.functions[f.name] = true
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
		value := ""
		if v := r.Values[u.column]; len(v) > 0 {
			value = v[0]
		}
		e.env[u.name] = value
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

// names finds columns and refuses what would have no bound. It is the visitor of one compilation.
type names struct {
	columns   *source.Columns
	functions map[string]bool
	program   *expression
	env       map[string]any
	err       error
}

// declare makes the columns known. Those that are called like a function can be had with col.
func (n *names) declare() {
	if n.columns == nil {
		return
	}
	for _, name := range n.columns.Names() {
		for _, name := range []string{name, strings.ToLower(name)} {
			if !n.functions[name] {
				n.env[name] = ""
			}
		}
		n.env[quoted(name)] = ""
	}
}

// quoted is how the program knows a column that was named with col: it may have the name of a
// function, and no source can give such a name.
func quoted(name string) string { return "\x00" + name }

// Visit implements ast.Visitor.
func (n *names) Visit(node *ast.Node) {
	switch x := (*node).(type) {
	case *ast.IdentifierNode:
		if n.columns == nil {
			return
		}
		if i, ok := n.columns.Index(x.Value); ok && !n.functions[x.Value] {
			n.use(x.Value, i)
		}
	case *ast.BuiltinNode:
		// Those that loop cannot be disabled.
		if !n.functions[x.Name] {
			n.fail(x, "there is no function %q: there are %s", x.Name, n.functionNames())
		}
	case *ast.CallNode:
		n.call(node, x)
	case *ast.BinaryNode:
		n.operator(node, x)
	}
}

func (n *names) use(name string, column int) {
	for _, u := range n.program.used {
		if u.name == name {
			return
		}
	}
	n.program.used = append(n.program.used, use{name, column})
}

func (n *names) call(node *ast.Node, x *ast.CallNode) {
	callee, ok := x.Callee.(*ast.IdentifierNode)
	if !ok || !n.functions[callee.Value] {
		n.fail(x, "there is no function %q: there are %s", x.Callee.String(), n.functionNames())
		return
	}
	switch callee.Value {
	case "col":
		name, ok := constant(x.Arguments, 0)
		if !ok {
			n.fail(x, `col wants the name of a column in quotes, as in col("Phone number")`)
			return
		}
		if n.columns == nil {
			return
		}
		i, ok := n.columns.Index(name)
		if !ok {
			n.fail(x, "%s", n.unknown(name))
			return
		}
		own := quoted(n.columns.Name(i))
		n.use(own, i)
		ast.Patch(node, &ast.IdentifierNode{Value: own})
	case "match":
		if _, ok := constant(x.Arguments, 1); !ok {
			n.fail(x, `match wants its pattern in quotes, as in match(phone, "^\\+49")`)
			return
		}
		// expr compiles the pattern of this operator once.
		ast.Patch(node, &ast.BinaryNode{Operator: "matches", Left: x.Arguments[0], Right: x.Arguments[1]})
	}
}

func (n *names) operator(node *ast.Node, x *ast.BinaryNode) {
	switch x.Operator {
	case "..":
		n.fail(x, "ranges are not available")
	case "matches":
		if _, ok := x.Right.(*ast.StringNode); !ok {
			n.fail(x, "matches wants its pattern in quotes")
		}
	case "+":
		// Text grows only in functions, which have bounds; + has none of its own.
		if isText(x.Left) || isText(x.Right) {
			ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: "concat"}, Arguments: []ast.Node{x.Left, x.Right}})
		}
	}
}

// isText tells what may be text.
func isText(x ast.Node) bool {
	t := x.Type()
	return t == nil || t.Kind() == reflect.String || t.Kind() == reflect.Interface
}

func constant(arguments []ast.Node, i int) (string, bool) {
	if len(arguments) <= i {
		return "", false
	}
	s, ok := arguments[i].(*ast.StringNode)
	if !ok {
		return "", false
	}
	return s.Value, true
}

// fail keeps the first error: expr has no way to return one from here.
func (n *names) fail(at ast.Node, format string, args ...any) {
	if n.err == nil {
		n.err = fmt.Errorf(format+" (position %d)", append(args, at.Location().From+1)...)
	}
}

// explain puts expr's errors into our words.
func (n *names) explain(err error) error {
	var e *file.Error
	if !errors.As(err, &e) {
		return err
	}
	if name, ok := strings.CutPrefix(e.Message, "unknown name "); ok {
		return fmt.Errorf("%s (position %d)", n.unknown(name), e.From+1)
	}
	return position(err)
}

// unknown says what to write instead of a name that is not a column.
func (n *names) unknown(name string) string {
	if n.columns == nil {
		return fmt.Sprintf("there is no %q", name)
	}
	return unknownColumn(name, n.columns)
}

func unknownColumn(name string, c *source.Columns) string {
	all := c.Names()
	if near := nearest(name, all); near != "" {
		return fmt.Sprintf("there is no column %q: is it %q?", name, near)
	}
	const most = 20
	list := all[:min(len(all), most)]
	quoted := make([]string, len(list))
	for i, name := range list {
		quoted[i] = strconv.Quote(name)
	}
	more := ""
	if len(all) > most {
		more = fmt.Sprintf(" and %d more", len(all)-most)
	}
	return fmt.Sprintf("there is no column %q: there are %s%s", name, strings.Join(quoted, ", "), more)
}

// position is expr's error without its picture of the place, which needs a fixed font.
func position(err error) error {
	var e *file.Error
	if !errors.As(err, &e) {
		return err
	}
	return fmt.Errorf("%s (position %d)", e.Message, e.From+1)
}

// nearest returns the name that differs least from a mistyped one; "" where none is near.
func nearest(name string, among []string) string {
	best, least := "", (utf8.RuneCountInString(name)+2)/3+1
	for _, candidate := range among {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := diagonal
			if x[i] != y[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
