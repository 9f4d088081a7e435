// Runs a script of Argo CD. Input: the script, and an object that becomes the global `obj`. Output: the returned table.
// Argo CD opens package, base, table and two functions of os for scripts of its ConfigMap, and stops them after a second.
package main

import (
	"context"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
)

func runLua(script string, object map[string]any) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
	}
	for _, library := range libraries {
		open := lua.P{Fn: state.NewFunction(library.open), Protect: true}
		if err := state.CallByParam(open, lua.LString(library.name)); err != nil {
			return nil, err
		}
	}
	// Argo CD defines no global `os`: a script has to require it.
	state.PreloadModule(lua.OsLibName, safeOs)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, fmt.Errorf("expected a table, got %s", state.Get(-1).Type())
	}
	return fromLua(table), nil
}

// safeOs has the names of Argo CD's reduced os library, with a fixed time.
func safeOs(state *lua.LState) int {
	module := state.SetFuncs(state.NewTable(), map[string]lua.LGFunction{
		"time": func(state *lua.LState) int {
			state.Push(lua.LNumber(0))
			return 1
		},
		"date": func(state *lua.LState) int {
			if format := state.CheckString(1); format != "!%Y-%m-%dT%H:%M:%SZ" {
				state.RaiseError("unknown date format %s", format)
			}
			state.Push(lua.LString("1970-01-01T00:00:00Z"))
			return 1
		},
	})
	state.Push(module)
	return 1
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		list := state.CreateTable(len(value), 0)
		for _, item := range value {
			list.Append(toLua(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

func fromLua(value lua.LValue) any {
	switch value := value.(type) {
	case lua.LBool:
		return bool(value)
	case lua.LNumber:
		return float64(value)
	case lua.LString:
		return string(value)
	case *lua.LTable:
		if value.MaxN() > 0 {
			list := make([]any, 0, value.MaxN())
			for i := 1; i <= value.MaxN(); i++ {
				list = append(list, fromLua(value.RawGetInt(i)))
			}
			return list
		}
		table := map[string]any{}
		value.ForEach(func(key, item lua.LValue) { table[key.String()] = fromLua(item) })
		return table
	default:
		return nil
	}
}
